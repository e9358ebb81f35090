"""`$ref`: followed inside the document; one that leads out of it is named, and never fetched."""

from typing import Any
from urllib.parse import unquote

from requests_builder.importing.untrusted import mapping

_MOST_STEPS = 20


class References:
    """The references of one operation: `foreign` holds those that lead to another file or address."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.foreign: list[str] = []

    def resolved(self, value: Any) -> dict[str, Any]:
        """The mapping that a value is or refers to; an empty one if there is none."""
        for _ in range(_MOST_STEPS):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return mapping(value)
            value = self._at(value["$ref"])
        return {}

    def all(self, values: Any, most: int = 200) -> list[dict[str, Any]]:
        """The mappings in a list, each resolved."""
        return [self.resolved(value) for value in values[:most]] if isinstance(values, list) else []

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            self.foreign.append(reference[:120])
            return None
        found: Any = self.document
        for step in reference[1:].split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(key)
            elif isinstance(found, list) and key.isdigit() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            else:
                return None
        return found
