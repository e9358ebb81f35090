"""Reading a file."""

from collections.abc import Mapping
from typing import Any

import yaml

from .environment import expanded
from .errors import refuse

MAX_CHARACTERS = 1_000_000


def load(text: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The document in a file, with `${NAME}` replaced from the environment. Raises InvalidManifest."""
    if len(text) > MAX_CHARACTERS:
        refuse("file", f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader that refuses more
    except yaml.MarkedYAMLError as error:
        # Not the error as it prints itself: that quotes the line, and a secret may stand there.
        mark = error.problem_mark or error.context_mark
        at = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        refuse("file", f"it is not YAML: {error.problem or error.context}{at}")
    except (yaml.YAMLError, ValueError, RecursionError):
        refuse(
            "file",
            "it is not YAML that can be read: it holds a date that is none, a character that no "
            "text has, or is nested too deeply",
        )
    if not isinstance(document, dict):
        refuse("file", "it must be a mapping that begins with team:")
    complete: dict[str, Any] = expanded(document, environment, "")
    return complete


class _Loader(yaml.SafeLoader):
    """YAML without surprises: a key twice is an error, and so are aliases, which can grow without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.MarkedYAMLError(None, None, "this is not a mapping", node.start_mark)
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.MarkedYAMLError(None, None, "a key must be a word", key_node.start_mark)
            if key in mapping:
                raise yaml.MarkedYAMLError(None, None, f"the key {key} is there twice", key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping
