"""How a value is written where it stands, so that it stays there.

A place reads a text from left to right: `passed` is told what was typed, `fit` writes the value after it.
"""

import json
import re
from typing import Protocol
from urllib.parse import quote, quote_plus

from requests_builder.rendering.wire import is_control

from .known import Unfit

_ADDRESS = re.compile(r"(https?://[^/?#@\\\s]+)(/[^?#\\\s]*)?", re.IGNORECASE)
_SCHEME = re.compile(r"\s*https?://", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_JSON_WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|true|false|null")
_GRAPHQL_WORD = re.compile(r"-?[A-Za-z0-9_.]+")
_JSON_MARK = re.compile(r'\\.|"', re.DOTALL)
# What ends a state of a GraphQL document, or means nothing in it although it looks so.
_GRAPHQL_MARKS = {
    "": re.compile(r'"""|"|#'),
    '"': re.compile(r'\\.|"|\n', re.DOTALL),
    '"""': re.compile(r'\\"""|"""'),
    "#": re.compile(r"\n"),
}
_XML_MARK = re.compile(r"<!\[CDATA\[|\]\]>")
_XML_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
    "\n": "&#10;",
    "\r": "&#13;",
    "\t": "&#9;",
}


class Place(Protocol):
    """Where values stand."""

    def passed(self, text: str) -> None:
        """Go on over what was typed."""

    def fit(self, value: str) -> str:
        """The value as the template takes it. Raises Unfit."""

    def sealable(self, value: str) -> str:
        """A secret as it goes over the wire, once all that comes after the template is done. Raises Unfit."""

    @property
    def key(self) -> str:
        """What tells places apart that write the same value in different ways."""


class Url:
    """Host, path or query of a URL: a value never leads from one into another."""

    def __init__(self) -> None:
        self._before = ""
        self._is_at_beginning = True
        self._part = "host"

    def passed(self, text: str) -> None:
        if text.strip():
            self._is_at_beginning = False
        if self._part == "host":
            self._before += text
            if len(authority(self._before)) < len(self._before):
                self._part = "path"
        if self._part == "path" and re.search(r"[?#]", text):
            self._part = "query"

    def fit(self, value: str) -> str:
        if self._part == "query":
            return quote(value, safe="")
        if self._part == "path":
            return _path(value)
        if self._is_at_beginning and (address := _ADDRESS.fullmatch(value)):
            self._is_at_beginning = False
            steps = address[2] or "/"
            self._before += address[1]
            return address[1] + (f"/{_path(steps)}" if steps.strip("/") else "")
        if not _HOST.fullmatch(value):
            raise Unfit(
                "is not a host, but stands where one belongs. A whole address goes to the beginning of the "
                "URL."
            )
        self._is_at_beginning = False
        self._before += "x"
        return value

    def sealable(self, value: str) -> str:
        if self._part == "host":
            raise Unfit("is a secret, and no secret can be part of a host: hosts are looked up by name.")
        return self.fit(value)

    @property
    def key(self) -> str:
        return self._part


class Plain:
    """Text that is checked, or encoded, after it is filled in. Secrets go there as they are."""

    key = "plain"

    def passed(self, text: str) -> None:
        pass

    def fit(self, value: str) -> str:
        return value

    def sealable(self, value: str) -> str:
        return value


class Name(Plain):
    """A name, which error messages repeat: no place for a secret."""

    def sealable(self, value: str) -> str:
        raise Unfit("is a secret, and no secret can be a name: put it into the value.")


class Header(Plain):
    """The value of a header."""

    key = "header"

    def sealable(self, value: str) -> str:
        if any(is_control(character) for character in value.replace("\t", " ")):
            raise Unfit("contains a line break or control character, which no header can carry.")
        if not value.isascii():
            raise Unfit("contains a character that is not ASCII, which no secret in a header may have.")
        return value.strip(" \t")


class FormValue(Plain):
    """A value of a form body, which is encoded with the form."""

    key = "form"

    def sealable(self, value: str) -> str:
        return quote_plus(value)


class Json:
    """JSON: inside quotation marks text, outside of them a number, true, false or null."""

    def __init__(self) -> None:
        self._is_text = False

    def passed(self, text: str) -> None:
        for mark in _JSON_MARK.finditer(text):
            if mark[0] == '"':
                self._is_text = not self._is_text

    def fit(self, value: str) -> str:
        if self._is_text:
            return _json_escaped(value)
        if not _JSON_WORD.fullmatch(value):
            raise Unfit("is a text: put quotation marks around it in the body.")
        return value

    def sealable(self, value: str) -> str:
        return self.fit(value)

    @property
    def key(self) -> str:
        return "json"


class GraphQL:
    """A GraphQL document: inside quotation marks text, outside of them a number or a name."""

    def __init__(self) -> None:
        self._state = ""

    def passed(self, text: str) -> None:
        at = 0
        while mark := _GRAPHQL_MARKS[self._state].search(text, at):
            at = mark.end()
            if not self._state:
                self._state = mark[0]
            elif not mark[0].startswith("\\"):
                self._state = ""

    def fit(self, value: str) -> str:
        match self._state:
            case '"':
                return _json_escaped(value)
            case '"""':
                # There nothing but three quotation marks can be escaped.
                if '"' in value or value.endswith("\\"):
                    raise Unfit('contains a quotation mark, or ends with \\, which cannot stand between """.')
                return value
            case _:
                if not _GRAPHQL_WORD.fullmatch(value):
                    raise Unfit("is a text: put quotation marks around it, or make it a GraphQL variable.")
                return value

    def sealable(self, value: str) -> str:
        # The document becomes a text in JSON.
        return _json_escaped(self.fit(value))

    @property
    def key(self) -> str:
        return f"graphql{self._state}"


class Xml:
    """XML: content, attributes, or a CDATA section."""

    def __init__(self) -> None:
        self._is_cdata = False

    def passed(self, text: str) -> None:
        for mark in _XML_MARK.finditer(text):
            self._is_cdata = mark[0] != "]]>"

    def fit(self, value: str) -> str:
        if any(is_control(character) and character not in "\t\r\n" for character in value):
            raise Unfit("contains a control character, which XML cannot carry.")
        if not self._is_cdata:
            return "".join(_XML_ENTITIES.get(character, character) for character in value)
        if "]" in value or ">" in value:
            raise Unfit("contains ] or >, which could end the CDATA section that it stands in.")
        return value

    def sealable(self, value: str) -> str:
        return self.fit(value)

    @property
    def key(self) -> str:
        return "cdata" if self._is_cdata else "xml"


def authority(url: str) -> str:
    """Scheme and host, as far as they are typed."""
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    cut = re.search(r"[/?#]", url[start:])
    return url[: start + cut.start()] if cut else url


def _path(value: str) -> str:
    """One or more steps of a path, none of which leads out of it."""
    steps = value.strip("/").split("/")
    if any(step in ("", ".", "..") for step in steps):
        raise Unfit("cannot stand in a path: it is empty, or leads to another place.")
    return "/".join(quote(step, safe="") for step in steps)


def _json_escaped(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]
