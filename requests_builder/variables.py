"""`{{ connection.name }}` in a request: what a provider's answers told, put in as its place wants it. PURE.

Filled once, from left to right: what a value holds is text, never another variable. Other text in braces
stays as it is.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

from requests_builder.rendering import BodyKind, InvalidRequest, Problem, RequestTemplate

# The Parameters tab writes braces and spaces percent-encoded into the URL.
_VARIABLE = re.compile(
    r"(?:\{\{|%7B%7B)(?:\s|\+|%20)*connection\.([\w.-]+?)(?:\s|\+|%20)*(?:\}\}|%7D%7D)", re.IGNORECASE
)
_ADDRESS = re.compile(r"(https?://[^/?#@\\\s]+)(/[^?#\\\s]*)?", re.IGNORECASE)
_SCHEME = re.compile(r"\s*https?://", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_JSON_WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|true|false|null")

_STAND_IN_HOST = "stand-in.invalid"


class _Unfit(Exception):
    """The value cannot stand there. `str()` goes on after its name."""


# Value, the text that it goes into, and where in it.
_Fit = Callable[[str, str, int], str]


def names_in(template: RequestTemplate) -> set[str]:
    """The variables that a request uses."""
    return {
        match[1]
        for texts in _texts(template).values()
        for text in texts
        for match in _VARIABLE.finditer(text)
    }


def fill(template: RequestTemplate, values: Mapping[str, str]) -> RequestTemplate:
    """The template with its variables replaced, each escaped for its place.

    Raises InvalidRequest, which names what is unknown, or does not fit where it stands.
    """
    problems: list[Problem] = []

    def filled(field: str, text: str, fit: _Fit) -> str:
        def replacement(match: re.Match[str]) -> str:
            shown, value = f"{{{{ connection.{match[1]} }}}}", values.get(match[1])
            if value is None:
                problems.append(Problem(field, f"{shown} is unknown. {_known(values)}"))
                return ""
            try:
                return fit(value, text, match.start())
            except _Unfit as unfit:
                problems.append(Problem(field, f"{shown} {unfit}"))
                return ""

        return _VARIABLE.sub(replacement, text)

    result = replace(
        template,
        url=filled("url", template.url, _in_url),
        headers=tuple((name, filled("headers", text, _in_header)) for name, text in template.headers),
        body=filled("body", template.body, _in_json)
        if template.body_kind == BodyKind.JSON
        else template.body,
    )
    if problems:
        raise InvalidRequest(problems)
    return result


def stand_ins(template: RequestTemplate, values: Mapping[str, str]) -> dict[str, str]:
    """The values, and something harmless for each that nobody has told yet: enough to judge the rest by."""
    unknown = names_in(template) - values.keys()
    begins = _VARIABLE.match(template.url.lstrip())
    known = dict.fromkeys(unknown, "0")
    for name in unknown & {match[1] for match in _VARIABLE.finditer(_authority(template.url))}:
        known[name] = _STAND_IN_HOST
    if begins and begins[1] in unknown:
        known[begins[1]] = f"https://{_STAND_IN_HOST}"
    return {**values, **known}


def is_stand_in(url: str) -> bool:
    """Whether the host of a URL that was filled with `stand_ins` is made up."""
    return _STAND_IN_HOST in _authority(url)


def _texts(template: RequestTemplate) -> dict[str, tuple[str, ...]]:
    body = (template.body,) if template.body_kind == BodyKind.JSON else ()
    return {"url": (template.url,), "headers": tuple(text for _, text in template.headers), "body": body}


def _known(values: Mapping[str, str]) -> str:
    if not values:
        return "The connection has told no values: choose another one, or connect it again."
    return f"The connection has told {', '.join(sorted(values))}."


def _authority(url: str) -> str:
    """Scheme and host, as far as they are typed."""
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    cut = re.search(r"[/?#]", url[start:])
    return url[: start + cut.start()] if cut else url


def _in_url(value: str, url: str, at: int) -> str:
    if at >= len(_authority(url)):
        return quote(value, safe="") if re.search(r"[?#]", url[:at]) else _path(value)
    if not url[:at].strip() and (address := _ADDRESS.fullmatch(value)):
        return address[1] + (f"/{_path(address[2])}" if (address[2] or "/").strip("/") else "")
    if not _HOST.fullmatch(value):
        raise _Unfit(
            "is not a host, but stands where one belongs. A whole address goes to the beginning of the URL."
        )
    return value


def _path(value: str) -> str:
    """One or more steps of a path, none of which leads out of it."""
    steps = value.strip("/").split("/")
    if any(step in ("", ".", "..") for step in steps):
        raise _Unfit("cannot stand in a path: it is empty, or leads to another place.")
    return "/".join(quote(step, safe="") for step in steps)


def _in_header(value: str, text: str, at: int) -> str:
    return value


def _in_json(value: str, body: str, at: int) -> str:
    if any(text.start() < at < text.end() for text in _JSON_TEXT.finditer(body)):
        return json.dumps(value, ensure_ascii=False)[1:-1]
    if not _JSON_WORD.fullmatch(value):
        raise _Unfit("is a text: put quotation marks around it in the body.")
    return value
