"""Going through records by their keys: which fields there are, and a page of their values at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from requests_builder.expressions import InvalidPath, compiled, quoted_path
from requests_builder.reading import MAX_COLUMNS, UnreadableAnswer

from .fields import ELEMENT, MAX_NAME

Keys = tuple[str, ...]

# Objects deeper than this stay whole, as JSON.
MAX_FLATTENED_DEPTH = 10
# An object with more different keys than this, in all records of a page together, stays whole, too: they are
# ids rather than names, and each would be a column.
MAX_FLATTENED_KEYS = 300
# A longer key is no name of a field, and no expression could name it.
MAX_KEY_LENGTH = 300
_EMPTY: Mapping[str, Any] = {}


def leaves(keys: Keys, values: Sequence[Any], *, flatten: bool) -> Iterator[tuple[Keys, Sequence[Any]]]:
    """The fields at these keys with their values: the field itself, or those of the objects in it.

    It is gone into only where all that is not null is an object: what is at times a text stays one field.
    """
    classes = set(map(type, values)) - {type(None)}
    inner = dict.fromkeys(key for value in values if type(value) is dict for key in value)
    is_object = classes == {dict} and 0 < len(inner) <= MAX_FLATTENED_KEYS
    if not (flatten and is_object) or len(keys) > MAX_FLATTENED_DEPTH:
        yield keys, values
        return
    objects = as_objects(values)
    for key in inner:
        if is_nameable(key):
            yield from leaves((*keys, key), [found.get(key) for found in objects], flatten=flatten)


def as_objects(values: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
    """The values, with an empty object for each that is none."""
    if set(map(type, values)) == {dict}:
        return values
    return [value if type(value) is dict else _EMPTY for value in values]


def check_width(count: int) -> None:
    """Raise UnreadableAnswer if so many fields are more than a table has columns.

    To be called with the keys alone, before anything is done for each of them in each record.
    """
    if count > MAX_COLUMNS:
        raise UnreadableAnswer(
            "too_many_columns",
            f"The records have {count:,} different fields, and a table has at most {MAX_COLUMNS:,}. Perhaps "
            "the path leads to an object whose keys are ids; choose a path that leads to a list, or only the "
            "fields you need.",
        )


def is_nameable(key: str) -> bool:
    """Whether a key can be the name of a field; longer ones are left out everywhere."""
    return len(key) <= MAX_KEY_LENGTH


def path_of(keys: Keys, rows_path: str = "") -> str:
    """The keys as an expression; with `rows_path` in each element of that list."""
    path = quoted_path(list(keys))
    return f"{rows_path}{ELEMENT}.{path}" if rows_path else path


def is_usable(path: str) -> bool:
    """Whether an expression of a field is not too long to be read."""
    try:
        compiled(path)
    except InvalidPath:
        return False
    return True


def free_name(keys: Keys, taken: Collection[str]) -> str:
    """A name for the column of a field, as in customer.name; with a number if another one has it already."""
    stem = ".".join(keys)[: MAX_NAME - 10].strip() or "unnamed"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name


class Page:
    """The records of a page, or the elements of a list in them, with their values by keys."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self._objects: dict[Keys, Sequence[Mapping[str, Any]]] = {}
        self._shapes: dict[Keys, set[tuple[str, ...]]] = {}
        self._columns: dict[Keys, Mapping[str, Sequence[Any]] | None] = {}

    def objects(self, keys: Keys) -> Sequence[Mapping[str, Any]]:
        """The objects at the keys, one for each record; an empty one where there is none."""
        if keys not in self._objects:
            self._objects[keys] = as_objects(self.values(keys))
        return self._objects[keys]

    def shapes(self, keys: Keys) -> set[tuple[str, ...]]:
        """The different sets of keys that the objects have there, each in its order."""
        if keys not in self._shapes:
            self._shapes[keys] = set(map(tuple, self.objects(keys)))
        return self._shapes[keys]

    def values(self, keys: Keys) -> Sequence[Any]:
        """The values at the keys, one for each record; None where there is none."""
        if not keys:
            return self.records
        parents, key = keys[:-1], keys[-1]
        if parents not in self._columns:
            self._columns[parents] = self._turned(parents)
        columns = self._columns[parents]
        if columns is None:
            return [found.get(key) for found in self.objects(parents)]
        return columns[key] if key in columns else [None] * len(self.records)

    def _turned(self, keys: Keys) -> Mapping[str, Sequence[Any]] | None:
        """The objects there turned round: all values of a key at once. None unless all have the same keys."""
        shapes, objects = self.shapes(keys), self.objects(keys)
        if len(shapes) != 1:
            return None
        # Not strict: the check would cost a quarter more, and what has one shape has one length.
        return dict(zip(next(iter(shapes)), zip(*map(dict.values, objects))))  # type: ignore[arg-type]  # noqa: B905
