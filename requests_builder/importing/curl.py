"""A cURL command line, as API documentation prints it and browsers copy it, read into a draft."""

import re
from dataclasses import dataclass, field, replace
from math import ceil
from urllib.parse import quote, urlsplit

from requests_builder.rendering import Basic, Bearer, NoAuthorization

from . import shells, windows
from .bodies import sorted_body
from .credentials import with_credentials_apart
from .drafts import NO_AUTHORIZATION, NO_BODY, Body, Imported, Pair, Refused, RequestDraft
from .flags import BY_LETTER, BY_NAME, Flag, Use
from .headers import kept_headers
from .placeholders import note_on_placeholders

MAX_CHARACTERS = 100_000
LONGEST_TIMEOUT = 120
_MOST_NOTES = 20
_BEGINS = re.compile(
    r"(?:(?:sudo|time|exec|env)\s+)?(?:[\w./\\:-]*[/\\])?curl(?:\.exe)?(?=\s)", re.IGNORECASE
)
_OTHER_TOOLS = {
    "invoke-webrequest": "That is PowerShell's own command. In the browser choose Copy as cURL instead.",
    "invoke-restmethod": "That is PowerShell's own command. Paste the cURL variant instead.",
    "fetch": "That is JavaScript. In the browser choose Copy as cURL instead.",
    "await": "That is JavaScript. In the browser choose Copy as cURL instead.",
    "wget": "That is a command for wget. Paste the cURL variant instead.",
    "http": "That is a command for HTTPie. Paste the cURL variant instead.",
    "https": "That is a command for HTTPie. Paste the cURL variant instead.",
}
_GLOB = re.compile(r"(?<!\{)\{[^{}]*,[^{}]*\}(?!\})|\[\w+-\w+(?::\d+)?\]")


@dataclass(slots=True)
class _Options:
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


def looks_like_curl(text: str) -> bool:
    """Whether a text begins as a cURL command does."""
    return bool(_BEGINS.match(shells.without_prompt(text[:2_000]) + " "))


def parse_curl(text: str) -> Imported:
    """The request that a command line would send. Raises Refused with the reason why it cannot be one."""
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"The text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    if "\0" in text:
        raise Refused("The text holds a character that no command line can hold.")
    command = shells.without_prompt(text)
    if windows.is_cmd(command):
        split = windows.split_cmd(command)
    elif windows.is_powershell(command):
        split = windows.split_powershell(command)
    else:
        split = shells.split(command)
    arguments = _arguments(split.words, command)
    options = _Options(stdin=split.stdin, notes=list(split.notes))
    _read(arguments, options)
    imported = with_credentials_apart(_draft_of(options))
    notes = [
        *imported.notes,
        *note_on_placeholders(imported.draft, split.variables),
        *_ignored(options.harmless),
    ]
    return replace(imported, notes=tuple(list(dict.fromkeys(notes))[:_MOST_NOTES]))


def _arguments(words: list[str], command: str) -> list[str]:
    for at, word in enumerate(words):
        if re.fullmatch(r"(?:.*[/\\])?curl(?:\.exe)?", word, re.IGNORECASE):
            return words[at + 1 :]
        if not re.match(r"[A-Za-z_]\w*=|(?:sudo|time|exec|env|export|set)$", word):
            break
    first = re.match(r"[\w-]+", command)
    other = _OTHER_TOOLS.get(first[0].lower()) if first else None
    raise Refused(other or "The text does not begin with curl. Paste a whole cURL command.")


def _read(arguments: list[str], options: _Options) -> None:
    at = 0
    only_urls = False
    while at < len(arguments):
        word = arguments[at]
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


def _long(word: str, following: list[str], options: _Options) -> int:
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


def _short(letters: str, following: list[str], options: _Options) -> int:
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


def _negated(flag: Flag, options: _Options) -> None:
    match flag.name:
        case "location":
            options.redirects = False
        case "get":
            options.is_get = False
        case "head":
            options.is_head = False
        case _:
            options.harmless.append(f"--no-{flag.name}")


def _apply(flag: Flag, value: str, options: _Options) -> None:
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


def _apply_switch(name: str, options: _Options) -> None:
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


def _apply_value(name: str, value: str, options: _Options) -> None:  # noqa: PLR0912 - one line for each
    match name:
        case "request":
            options.method = value
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


def _header(value: str, options: _Options) -> None:
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


def _content(value: str, options: _Options, *, strips_lines: bool) -> str:
    if not value.startswith("@"):
        return value
    if value in ("@-", "@/dev/stdin") and options.stdin is not None:
        return re.sub(r"[\r\n]", "", options.stdin) if strips_lines else options.stdin
    what = "its input" if value == "@-" else f"the file {value[1:60]}"
    raise Refused(f"The body is read from {what}, which cannot be read from here. Put its text in its place.")


def _data(text: str, options: _Options) -> None:
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


def _part(value: str, options: _Options, *, is_plain: bool) -> Pair:
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


def _timeout(value: str, options: _Options) -> None:
    try:
        seconds = ceil(float(value))
    except (ValueError, OverflowError):
        options.notes.append(f"--max-time {value[:40]} is no number of seconds. It was left out.")
        return
    if seconds > LONGEST_TIMEOUT:
        options.notes.append(f"The timeout is {LONGEST_TIMEOUT} seconds, the longest that there is.")
    if seconds > 0:
        options.timeout = min(seconds, LONGEST_TIMEOUT)


def _draft_of(options: _Options) -> Imported:
    url = _url_of(options)
    content = "&".join(options.data)
    if options.has_data and options.is_get:
        options.query.append(content)
    for query in filter(None, options.query):
        url = _with_query(url, query)
    has_body = options.has_data and not options.is_get
    if options.parts and (has_body or options.json):
        raise Refused("The command has both -F and -d. curl sends only one of them: take one out.")
    headers, notes = kept_headers(options.headers, url)
    options.notes += notes
    if options.parts:
        body = Body("multipart", pairs=tuple(options.parts))
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    elif options.json:
        body = Body("json", "".join(options.json) + content)
        own = [value for name, value in headers if name.lower() == "content-type"]
        if own and own[-1].lower() == "application/json":
            headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    elif has_body:
        body, headers = _body_of(content, headers, options)
    else:
        body = NO_BODY
    _note_suppressed(options)
    draft = RequestDraft(
        method=_method_of(options, sends=bool(options.parts or options.json or has_body)),
        url=url,
        headers=tuple(headers),
        body=body,
        authorization=_authorization_of(options),
        timeout_seconds=options.timeout,
        follow_redirects=options.redirects,
        name=suggested_name(url),
    )
    return Imported(draft, tuple(options.notes))


def _url_of(options: _Options) -> str:
    if not options.urls:
        raise Refused("The command names no URL. Copy the whole command.")
    if len(options.urls) > 1:
        raise Refused(
            f"The command names {len(options.urls)} URLs. Paste one request at a time; put quotes around a "
            "value that has blanks in it."
        )
    url = options.urls[0].strip()
    if _GLOB.search(url.partition("?")[0]):
        options.notes.append("curl would call one address for each part in brackets. Choose one of them.")
    if re.match(r"(?:ftps?|file|smtp|ldap|ws|wss|telnet|dict|gopher|scp|sftp)://", url, re.IGNORECASE):
        raise Refused(f"{url.partition(':')[0]}:// cannot be called: only http:// and https:// can.")
    if "://" in url or re.match(r"[$<{%]", url):
        return url
    options.notes.append("The URL had no https:// or http:// before it. https:// was added.")
    return f"https://{url.lstrip('/')}"


def _with_query(url: str, query: str) -> str:
    front, hash_mark, fragment = url.partition("#")
    joint = "" if front.endswith(("?", "&")) else "&" if "?" in front else "?"
    return front + joint + query + hash_mark + fragment


def _body_of(content: str, headers: list[Pair], options: _Options) -> tuple[Body, list[Pair]]:
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    found = sorted_body(content, content_type)
    if found.note:
        options.notes.append(found.note)
    if found.body is NO_BODY or not found.keeps_header:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    return found.body, headers


def _method_of(options: _Options, *, sends: bool) -> str:
    if options.method:
        return options.method
    if options.is_head:
        return "HEAD"
    return "POST" if sends else "GET"


def _authorization_of(options: _Options) -> Basic | Bearer | NoAuthorization:
    if any(name.lower() == "authorization" for name, _ in options.headers):
        if options.user is not None or options.token:
            options.notes.append("The Authorization header was taken; -u would not have been sent either.")
        return NO_AUTHORIZATION
    if options.token:
        return Bearer(options.token)
    if options.user is None:
        return NO_AUTHORIZATION
    username, colon, password = options.user.partition(":")
    if not colon:
        options.notes.append("curl would have asked for the password of -u. Enter it under Authorization.")
    return Basic(username, password)


def _note_suppressed(options: _Options) -> None:
    for name in options.suppressed:
        if name.lower() not in ("expect", "transfer-encoding"):
            options.notes.append(f"{name}: without a value keeps curl from sending it. It was left out.")


def _ignored(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = ", ".join(dict.fromkeys(names))
    return [f"Ignored, for it does not change the request: {listed}."]


def _is_address(word: str) -> bool:
    return "://" in word or bool(re.match(r"[\w-]+(?:\.[\w-]+)+(?:[:/]|$)", word))


def suggested_name(url: str) -> str:
    """A name that says what is asked of whom: “contacts (api.example.com)”."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    steps = [step for step in parts.path.split("/") if re.fullmatch(r"[A-Za-z][A-Za-z_.-]{2,40}", step)]
    return f"{steps[-1]} ({host})"[:100] if steps and host else host[:100]
