"""Values that fit a schema: what the document gives as an example, or the least that it asks for."""

from dataclasses import dataclass
from typing import Any

from requests_builder.importing.untrusted import mapping

from .references import References

_DEEPEST = 8
_OF_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00Z",
    "email": "name@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "time": "09:00:00Z",
    "uri": "https://example.com",
    "url": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "binary": "",
    "byte": "",
}


@dataclass(slots=True)
class Budget:
    """How much may be made up for one document, whose schemas may be wide, deep and used everywhere."""

    values: int = 60_000
    characters: int = 5_000_000

    def affords(self, value: Any, longest: int) -> bool:
        """Whether a value is short enough to be written out, also in view of all that was; it is paid for.

        Looks at no more of it than that, so that a long one costs no more than a short one.
        """
        room = longest
        waiting = [value]
        while waiting and room > 0 and self.characters > 0:
            each = waiting.pop()
            # Indentation and marks are about as long again.
            cost = 8 + (len(each) if isinstance(each, str | list | dict) else 0)
            room -= cost
            self.characters -= min(cost, longest)
            if room <= 0:
                break
            if isinstance(each, dict):
                waiting += [*each, *each.values()]
            elif isinstance(each, list):
                waiting += each
        return room > 0 and self.characters > 0


class Examples:
    """Makes examples for one operation."""

    def __init__(self, references: References, budget: Budget) -> None:
        self.references = references
        self.budget = budget
        # Schemas that are being worked on: one that holds itself ends there.
        self.stack: list[int] = []

    def of(self, schema: Any) -> Any:
        """A value for a schema; None for what cannot be known."""
        found = self.references.resolved(schema)
        self.budget.values -= 1
        if self.budget.values < 0 or id(found) in self.stack or len(self.stack) > _DEEPEST:
            return None
        self.stack.append(id(found))
        try:
            given = given_by(found)
            if not given:
                found = self.merged(found)
                given = given_by(found)
            return given[0] if given else self._made(found)
        finally:
            self.stack.pop()

    def merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with what its allOf adds, and with the first of its alternatives."""
        self.budget.values -= 1 + len(mapping(schema.get("properties"))) // 20
        if self.budget.values < 0:
            return schema
        parts = self.references.all(schema.get("allOf"), 50)
        for word in ("oneOf", "anyOf"):
            alternatives = [
                part for part in self.references.all(schema.get(word), 50) if part.get("type") != "null"
            ]
            parts += alternatives[:1]
        result = dict(schema)
        for part in parts:
            if id(part) in self.stack:
                continue
            self.stack.append(id(part))
            inner = self.merged(part) if len(self.stack) <= _DEEPEST else part
            self.stack.pop()
            properties = {**mapping(inner.get("properties")), **mapping(result.get("properties"))}
            required = [*_names(inner.get("required")), *_names(result.get("required"))]
            result = {**inner, **result, "properties": properties, "required": required}
        return result

    def properties(self, schema: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """The properties to send, and the names of those that may be left out.

        All that are required; without any such, all.
        """
        every = {
            str(name): found
            for name, inner in list(mapping(schema.get("properties")).items())[:300]
            if (found := self.references.resolved(inner)).get("readOnly") is not True
        }
        required = [name for name in _names(schema.get("required")) if name in every]
        if not required:
            return every, []
        return {name: every[name] for name in every if name in required}, [
            name for name in every if name not in required
        ]

    def _made(self, schema: dict[str, Any]) -> Any:
        match type_of(schema):
            case "object":
                return {name: self.of(inner) for name, inner in self.properties(schema)[0].items()}
            case "array":
                items = self.of(schema.get("items"))
                return [] if items is None else [items]
            case "integer" | "number":
                minimum = schema.get("minimum")
                return minimum if isinstance(minimum, int | float) and not isinstance(minimum, bool) else 0
            case "boolean":
                return False
            case "string":
                return _OF_FORMAT.get(str(schema.get("format")), "string")
        return None


def given_by(schema: dict[str, Any]) -> list[Any]:
    """The value that a schema gives itself, in a list; an empty list if it gives none."""
    for word in ("example", "default", "const"):
        if schema.get(word) is not None:
            return [schema[word]]
    for word in ("examples", "enum"):
        values = schema.get(word)
        if isinstance(values, list) and values:
            return values[:1]
    return []


def type_of(schema: dict[str, Any]) -> str:
    """The type of a schema, which may name several (3.1) or none."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    if isinstance(kind, str):
        return kind
    if schema.get("properties"):
        return "object"
    return "array" if "items" in schema else ""


def _names(given: Any) -> list[str]:
    return [name for name in given[:1_000] if isinstance(name, str)] if isinstance(given, list) else []
