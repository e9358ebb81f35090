"""YAML as OpenAPI wants it: the values of JSON, whatever tags and anchors say.

Built from the parser's events, without recursion: nesting is counted, an alias is the very object that it
names, and what aliases would come to when written out is counted, too. No tag makes anything but text,
numbers, lists and mappings; dates stay text.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from .drafts import Refused
from .untrusted import rows

MAX_CHARACTERS = 4 * 2**20
MOST_VALUES = 300_000
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    value: Any
    anchor: str | None
    # How many values it is when all aliases are written out.
    size: int = 1
    key: Any = None
    expects_key: bool = True
    merged: list[dict[Any, Any]] = field(default_factory=list)


def read_yaml(text: str, *, deepest: int) -> Any:
    """The first document in a text. Raises Refused, with the line of the mistake."""
    if len(text) > MAX_CHARACTERS:
        raise Refused(
            f"YAML is read up to {MAX_CHARACTERS // 2**20} MB. Export the document as JSON: that may be "
            "larger."
        )
    try:
        return _Builder(deepest).read(text)
    except Refused:
        raise
    except yaml.MarkedYAMLError as error:
        # Not the error as it prints itself: that quotes the line, and a secret may stand there.
        mark = error.problem_mark or error.context_mark
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Refused(f"This is neither JSON nor YAML: {error.problem or error.context}{at}.") from None
    except (yaml.YAMLError, ValueError):
        raise Refused("This is neither JSON nor YAML: it holds a character that no text has.") from None


class _Builder:
    def __init__(self, deepest: int) -> None:
        self.deepest = deepest
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def read(self, text: str) -> Any:
        for event in yaml.parse(text, Loader=_Loader):
            match event:
                case yaml.ScalarEvent():
                    self._add(_scalar(event), 1, event.anchor)
                case yaml.MappingStartEvent():
                    self._begin({}, event.anchor)
                case yaml.SequenceStartEvent():
                    self._begin([], event.anchor)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    ended = self.open.pop()
                    for merged in ended.merged:
                        ended.value |= {key: merged[key] for key in merged.keys() - ended.value.keys()}
                    self._add(ended.value, ended.size, ended.anchor)
                case yaml.AliasEvent():
                    self._alias(event)
                case _:
                    continue
            if not self.open and self.count:
                return self.value
        return None

    def _begin(self, value: Any, anchor: str | None) -> None:
        self.open.append(_Open(value, anchor))
        if len(self.open) > self.deepest:
            raise Refused(f"The file is nested more than {self.deepest} levels deep.")

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        found = self.anchors.get(name)
        if found is None:
            raise Refused(f"The alias *{name[:40]} in the file names nothing that is complete there.")
        self._add(*found, None)

    def _add(self, value: Any, size: int, anchor: str | None) -> None:
        """Put a complete value where it belongs."""
        self.count += 1
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if max(size, self.count) > MOST_VALUES:
            raise Refused(
                f"The file holds more than {MOST_VALUES:,} values, with its aliases written out. Export less "
                "of it, or export it as JSON."
            )
        if not self.open:
            self.value = value
            return
        parent = self.open[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.expects_key:
            parent.key = value if isinstance(value, str) else _as_key(value)
            parent.expects_key = False
        else:
            parent.expects_key = True
            if parent.key == "<<" and isinstance(value, dict | list):
                parent.merged += rows(value if isinstance(value, list) else [value])
            else:
                parent.value[parent.key] = value


def _as_key(value: Any) -> str:
    # `200:` under responses is a number to YAML and a text to OpenAPI.
    if isinstance(value, dict | list):
        raise Refused("A key in the file is not a word.")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(event: yaml.ScalarEvent) -> Any:
    written: str = event.value
    if event.style or (event.tag or "").endswith(":str"):
        return written
    if written in _WORDS:
        return _WORDS[written]
    if _INTEGER.fullmatch(written):
        return int(written)
    if _NUMBER.fullmatch(written):
        return float(written)
    return written
