"""curl's options, read one after another into what they say together."""

import re
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import quote

from .drafts import Pair, Refused
from .flags import BY_LETTER, BY_NAME, Flag, Use

LONGEST_TIMEOUT = 120
# What a text processor makes of one hyphen and of two.
_DASHES = {"–": "-", "−": "-", "—": "--"}


@dataclass(slots=True)
class Options:
    """What the options said, before it becomes a draft."""

    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[Pair] = field(default_factory=list)
    # Names that curl was told not to send by itself.
    suppressed: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    parts: list[Pair] = field(default_factory=list)
    user: str | None = None
    token: str = ""
    is_get: bool = False
    is_head: bool = False
    timeout: int | None = None
    redirects: bool | None = None
    has_data: bool = False
    harmless: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stdin: str | None = None


def read(arguments: list[str], options: Options) -> None:
    """Take in the words after `curl`. Raises Refused for what cannot be had here."""
    at = 0
    only_urls = False
    while at < len(arguments):
        word = arguments[at] if only_urls else _with_hyphens(arguments[at], options)
        at += 1
        if only_urls or not word.startswith("-") or word == "-":
            if word.strip():
                options.urls.append(word)
        elif word == "--":
            only_urls = True
        elif word.startswith("--"):
            at += _long(word[2:], arguments[at : at + 1], options)
        else:
            at += _short(word[1:], arguments[at : at + 1], options)


def _long(word: str, following: list[str], options: Options) -> int:
    """Read `--name`, `--name value` or `--name=value`; how many further words that took."""
    name, has_equals, attached = word.partition("=")
    flag = BY_NAME.get(name)
    if flag is None and name.startswith("no-") and (negated := BY_NAME.get(name[3:])):
        _negated(negated, options)
        return 0
    if flag is None:
        is_value = bool(following) and not following[0].startswith("-") and not _is_address(following[0])
        options.notes.append(f"--{name[:60]} is not an option that is known here. It was left out.")
        return int(is_value and not has_equals)
    if not flag.has_value:
        _apply(flag, "", options)
        return 0
    if has_equals:
        _apply(flag, attached, options)
        return 0
    _apply(flag, _value(f"--{name}", following), options)
    return 1


def _short(letters: str, following: list[str], options: Options) -> int:
    """Read `-X`, `-XPOST`, `-sSL` and such; how many further words that took."""
    for at, letter in enumerate(letters):
        flag = BY_LETTER.get(letter)
        if flag is None:
            options.notes.append(f"-{letter} is not an option that is known here. It was left out.")
            continue
        if flag.has_value:
            attached = letters[at + 1 :]
            _apply(flag, attached or _value(f"-{letter}", following), options)
            return 0 if attached else 1
        _apply(flag, "", options)
    return 0


def _value(shown: str, following: list[str]) -> str:
    if not following:
        raise Refused(f"{shown} needs a value, and the text ends there. Copy the whole command.")
    return following[0]


def _negated(flag: Flag, options: Options) -> None:
    match flag.name:
        case "location":
            options.redirects = False
        case "get":
            options.is_get = False
        case "head":
            options.is_head = False
        case _:
            options.harmless.append(f"--no-{flag.name}")


def _apply(flag: Flag, value: str, options: Options) -> None:
    match flag.use:
        case Use.HARMLESS:
            options.harmless.append(f"--{flag.name}")
        case Use.LEFT_OUT:
            options.notes.append(f"--{flag.name} was left out. {flag.why}")
        case Use.REFUSED:
            raise Refused(flag.why)
        case Use.READ if flag.has_value:
            _apply_value(flag.name, value, options)
        case Use.READ:
            _apply_switch(flag.name, options)


def _apply_switch(name: str, options: Options) -> None:
    match name:
        case "get":
            options.is_get = True
        case "head":
            options.is_head = True
        case "location":
            options.redirects = True
        case "location-trusted":
            options.redirects = True
            options.notes.append("--location-trusted: headers and credentials never follow to another host.")
        case "insecure":
            options.notes.append("--insecure was left out. Certificates are always checked.")
        case _:
            options.harmless.append(f"--{name}")


def _apply_value(name: str, value: str, options: Options) -> None:  # noqa: PLR0912 - one line for each
    match name:
        case "request":
            options.method = value.removeprefix("=")
            if value.startswith("="):
                options.notes.append(f"-X{value[:40]} was read as -X {value[1:40]}.")
        case "url":
            options.urls.append(value)
        case "header":
            _header(value, options)
        case "data" | "data-ascii" | "data-binary":
            _data(_content(value, options, strips_lines=name != "data-binary"), options)
        case "data-raw":
            _data(value, options)
        case "data-urlencode":
            _data(_encoded(value), options)
        case "json":
            options.json.append(_content(value, options, strips_lines=False))
        case "form" | "form-string":
            options.parts.append(_part(value, options, is_plain=name == "form-string"))
        case "url-query":
            options.query.append(value[1:] if value.startswith("+") else _encoded(value))
        case "user":
            options.user = value
        case "oauth2-bearer":
            options.token = value
        case "cookie":
            if "=" not in value:
                raise Refused("-b reads cookies from a file, which cannot be read from here.")
            options.headers.append(("Cookie", value))
        case "user-agent":
            options.headers.append(("User-Agent", value)) if value else options.suppressed.append(
                "User-Agent"
            )
        case "referer":
            options.headers.append(("Referer", value.removesuffix(";auto")))
        case "range":
            options.headers.append(("Range", f"bytes={value}"))
        case "max-time":
            _timeout(value, options)
        case "max-redirs":
            if value.strip() == "0":
                options.redirects = False
            else:
                options.harmless.append("--max-redirs")


def _header(value: str, options: Options) -> None:
    if value.startswith("@"):
        raise Refused("-H reads headers from a file, which cannot be read from here. Write them out.")
    # HTTP/2 names, as browsers show them.
    name, colon, rest = value.partition(":") if not value.startswith(":") else ("", "", "")
    if value.startswith(":"):
        options.notes.append(f"{value[:40]} is no header that can be set; the URL says it already.")
    elif colon and rest.strip():
        options.headers.append((name.strip(), rest.strip()))
    elif colon:
        # "Name:" keeps curl from sending a header of its own.
        options.suppressed.append(name.strip())
    elif value.rstrip().endswith(";"):
        options.headers.append((value.strip()[:-1].strip(), ""))
    elif value.strip():
        options.notes.append(f"{value[:40]} is no header: it has no colon. It was left out.")


def _content(value: str, options: Options, *, strips_lines: bool) -> str:
    if not value.startswith("@"):
        return value
    if value in ("@-", "@/dev/stdin") and options.stdin is not None:
        return re.sub(r"[\r\n]", "", options.stdin) if strips_lines else options.stdin
    what = "its input" if value == "@-" else f"the file {value[1:60]}"
    raise Refused(f"The body is read from {what}, which cannot be read from here. Put its text in its place.")


def _data(text: str, options: Options) -> None:
    options.has_data = True
    options.data.append(text)


def _encoded(value: str) -> str:
    """What --data-urlencode makes of its argument."""
    name, equals, content = value.partition("=")
    if not equals:
        if "@" in value:
            raise Refused(
                f"The value is read from the file {value.partition('@')[2][:60]}, which cannot be read from "
                "here. Put its text in its place."
            )
        return quote(value, safe="")
    return f"{name}={quote(content, safe='')}" if name else quote(content, safe="")


def _part(value: str, options: Options, *, is_plain: bool) -> Pair:
    name, equals, content = value.partition("=")
    if not equals:
        raise Refused(f"-F {value[:40]} has no = between a name and a value.")
    if is_plain:
        return name, content
    if content[:1] in ("@", "<"):
        raise Refused(
            f"-F {name[:40]} uploads a file, which is not in the command. Build the body under Body → "
            "Multipart, and choose the file there."
        )
    if quoted := re.match(r'"((?:[^"\\]|\\.)*)"', content):
        return name, re.sub(r"\\(.)", r"\1", quoted[1])
    plain = re.sub(r";\s*(?:type|filename|headers|encoder)=.*", "", content, flags=re.DOTALL)
    if plain != content:
        options.notes.append(f"The part {name[:40]} is sent without a media type of its own.")
    return name, plain


def _timeout(value: str, options: Options) -> None:
    try:
        seconds = ceil(float(value))
    except (ValueError, OverflowError):
        options.notes.append(f"--max-time {value[:40]} is no number of seconds. It was left out.")
        return
    if seconds > LONGEST_TIMEOUT:
        options.notes.append(f"The timeout is {LONGEST_TIMEOUT} seconds, the longest that there is.")
    if seconds > 0:
        options.timeout = min(seconds, LONGEST_TIMEOUT)


def _with_hyphens(word: str, options: Options) -> str:
    """A word that begins with a dash of a text processor, as it was meant."""
    hyphens = _DASHES.get(word[:1])
    if hyphens is None:
        return word
    options.notes.append("A long dash before an option was read as a hyphen.")
    is_long = word[1:].partition("=")[0] in BY_NAME
    return ("--" if is_long else hyphens) + word[1:]


def _is_address(word: str) -> bool:
    return "://" in word or bool(re.match(r"[\w-]+(?:\.[\w-]+)+(?:[:/]|$)", word))
