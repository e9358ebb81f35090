"""A cURL command line, as API documentation prints it and browsers copy it, read into a draft."""

import re
from dataclasses import replace

from requests_builder.rendering import Basic, Bearer, NoAuthorization

from . import shells, windows
from .addresses import suggested_name, with_scheme
from .bodies import sorted_body
from .credentials import with_credentials_apart
from .drafts import NO_AUTHORIZATION, NO_BODY, Body, Imported, Pair, Refused, RequestDraft
from .headers import kept_headers
from .options import Options, read
from .placeholders import note_on_placeholders

MAX_CHARACTERS = 100_000
_MOST_NOTES = 20
_BEGINS = re.compile(
    r"""(?:(?:export\s+)?[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s;"']*+)[\s;]+)*"""
    r"(?:(?:sudo|time|exec|env)\s+)?(?!\w+://)(?:[\w./\\:-]*[/\\])?curl(?:\.exe)?(?=\s)",
    re.IGNORECASE,
)
# A text processor's quotation marks, and those of a keyboard.
_STRAIGHTENED = str.maketrans(dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‘’‚‛", "'"))
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


def looks_like_curl(text: str) -> bool:
    """Whether a text begins as a cURL command does."""
    return bool(_BEGINS.match(shells.without_prompt(text[:2_000]) + " "))


def parse_curl(text: str) -> Imported:
    """The request that a command line would send. Raises Refused with the reason why it cannot be one."""
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"The text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    if "\0" in text:
        raise Refused("The text holds a character that no command line can hold.")
    command, notes = _straightened(shells.without_prompt(text))
    if windows.is_cmd(command):
        split = windows.split_cmd(command)
    elif windows.is_powershell(command):
        split = windows.split_powershell(command)
    else:
        split = shells.split(command)
    arguments = _arguments(split.words, command)
    options = Options(stdin=split.stdin, notes=[*notes, *split.notes])
    read(arguments, options)
    imported = with_credentials_apart(_draft_of(options))
    said = [
        *imported.notes,
        *note_on_placeholders(imported.draft, split.variables),
        *_ignored(options.harmless),
    ]
    return replace(imported, notes=tuple(list(dict.fromkeys(said))[:_MOST_NOTES]))


def _straightened(command: str) -> tuple[str, list[str]]:
    """The command with the quotation marks of a keyboard, where it has others only; and what to say."""
    straight = command.translate(_STRAIGHTENED)
    if straight == command or '"' in command or "'" in command:
        return command, []
    return straight, ["The curly quotation marks were read as straight ones, as a shell wants them."]


def _arguments(words: list[str], command: str) -> list[str]:
    for at, word in enumerate(words):
        if re.fullmatch(r"(?:.*[/\\])?curl(?:\.exe)?", word, re.IGNORECASE):
            return words[at + 1 :]
        if not re.match(r"[A-Za-z_]\w*=|(?:sudo|time|exec|env|export|set)$", word):
            break
    first = re.match(r"[\w-]+", command)
    other = _OTHER_TOOLS.get(first[0].lower()) if first else None
    raise Refused(other or "The text does not begin with curl. Paste a whole cURL command.")


def _draft_of(options: Options) -> Imported:
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


def _url_of(options: Options) -> str:
    if not options.urls:
        raise Refused("The command names no URL. Copy the whole command.")
    if len(options.urls) > 1:
        raise Refused(
            f"The command names {len(options.urls)} URLs. Paste one request at a time; put straight quotes "
            "around a value that has blanks in it."
        )
    url = options.urls[0].strip()
    if _GLOB.search(url.partition("?")[0]):
        options.notes.append("curl would call one address for each part in brackets. Choose one of them.")
    if re.match(r"(?:ftps?|file|smtp|ldap|ws|wss|telnet|dict|gopher|scp|sftp)://", url, re.IGNORECASE):
        raise Refused(f"{url.partition(':')[0]}:// cannot be called: only http:// and https:// can.")
    url, notes = with_scheme(url)
    options.notes += notes
    return url


def _with_query(url: str, query: str) -> str:
    front, hash_mark, fragment = url.partition("#")
    joint = "" if front.endswith(("?", "&")) else "&" if "?" in front else "?"
    return front + joint + query + hash_mark + fragment


def _body_of(content: str, headers: list[Pair], options: Options) -> tuple[Body, list[Pair]]:
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    found = sorted_body(content, content_type)
    if found.note:
        options.notes.append(found.note)
    if found.body is NO_BODY or not found.keeps_header:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    return found.body, headers


def _method_of(options: Options, *, sends: bool) -> str:
    if options.method:
        return options.method
    if options.is_head:
        return "HEAD"
    return "POST" if sends else "GET"


def _authorization_of(options: Options) -> Basic | Bearer | NoAuthorization:
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


def _note_suppressed(options: Options) -> None:
    for name in options.suppressed:
        if name.lower() not in ("expect", "transfer-encoding"):
            options.notes.append(f"{name}: without a value keeps curl from sending it. It was left out.")


def _ignored(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = ", ".join(dict.fromkeys(names))
    return [f"Ignored, for it does not change the request: {listed}."]
