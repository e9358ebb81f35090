"""Other fields than the mapping knows: which of them a run has met, and which it has missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .walking import Keys, Page, check_width, free_name, is_nameable, leaves, path_of

# More new fields that become no columns are not told apart: that they are many is all there is to say.
MAX_NOTED = 200
# So many sets of keys are remembered; records of more are looked at again.
MAX_SHAPES = 2_000


@dataclass(slots=True)
class Findings:
    """What the pages so far have shown beside their rows: small, and kept with the run."""

    # New fields by their path, with the names of the columns that they became; empty: they became none.
    new: dict[str, str] = field(default_factory=dict)
    # How many values of a column did not fit its type.
    misfits: dict[str, int] = field(default_factory=dict)
    # Fields of the mapping that no record has had; None before the first record.
    missing: list[str] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        found = {"new": self.new, "misfits": self.misfits, "missing": self.missing}
        return {name: value for name, value in found.items() if value or value == []}

    @property
    def extent(self) -> tuple[int, ...]:
        """Numbers of which one is another as soon as anything more is found."""
        missing = -1 if self.missing is None else len(self.missing)
        return len(self.new), sum(self.misfits.values()), missing

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Findings":
        missing = stored.get("missing")
        return cls(
            dict(stored.get("new", {})),
            dict(stored.get("misfits", {})),
            None if missing is None else list(missing),
        )


@dataclass(slots=True, eq=False)
class _Node:
    """An object in the records, and what of it is known."""

    keys: Keys
    # Keys that are a field in whole.
    known: set[str] = field(default_factory=set)
    # Objects of which single fields are known.
    inner: dict[str, "_Node"] = field(default_factory=dict)
    # Sets of keys in which nothing is new.
    shapes: set[tuple[str, ...]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Added:
    """A column that a run adds for a field that is new; its values are stored as they come."""

    keys: Keys
    name: str
    path: str


class Watch:
    """Looks at the records, or at the elements of a list in them, for fields that nobody has mapped."""

    def __init__(self, *, flatten: bool, adds: bool, rows_path: str = "") -> None:
        self._flatten = flatten
        self._adds = adds
        self._rows_path = rows_path
        self._root = _Node(())
        self._wanted: dict[Keys, str] = {}
        self.added: list[Added] = []

    def know(self, keys: Keys) -> None:
        """The field at these keys has its column, or was left out by somebody."""
        if keys:
            node = self._root
            for key in keys[:-1]:
                node = node.inner.setdefault(key, _Node((*node.keys, key)))
            node.known.add(keys[-1])

    def want(self, keys: Keys, path: str) -> None:
        """Remember to say so if no record has this field."""
        self._wanted[keys] = path

    def add(self, keys: Keys, name: str) -> None:
        """Make a column for the field."""
        self.know(keys)
        self.added.append(Added(keys, name, path_of(keys, self._rows_path)))

    def look(self, page: Page, findings: Findings, names: set[str]) -> None:
        """Write into `findings` what is new on this page. `names` are taken, and become more."""
        if self._adds or len(findings.new) < MAX_NOTED:
            self._look(self._root, page, findings, names)
        for keys in [keys for keys in self._wanted if self._is_there(page, keys)]:
            del self._wanted[keys]

    @property
    def missing(self) -> list[str]:
        """The paths of wanted fields that no record has had."""
        return list(self._wanted.values())

    def _is_there(self, page: Page, keys: Keys) -> bool:
        return any(keys[-1] in found for found in page.objects(keys[:-1]))

    def _look(self, node: _Node, page: Page, findings: Findings, names: set[str]) -> None:
        shapes = page.shapes(node.keys) - node.shapes
        if shapes:
            # In the order of the records: that of a set is another one in each process.
            keys = dict.fromkeys(key for found in page.objects(node.keys) for key in found)
            unknown = [key for key in keys if not (key in node.known or key in node.inner)]
            if self._adds:
                check_width(len(names) + len(unknown))
            else:
                unknown = unknown[:MAX_NOTED]
            met = [self._meet(node, key, page, findings, names) for key in unknown if is_nameable(key)]
            if all(met) and len(node.shapes) + len(shapes) <= MAX_SHAPES:
                node.shapes |= shapes
        if not self._flatten:
            return
        for key, inner in list(node.inner.items()):
            if key not in node.known and _has_others(page.values(inner.keys)):
                # An object until now, and a text or a number here: that would be lost.
                self._meet(node, key, page, findings, names, is_whole=True)
            self._look(inner, page, findings, names)

    def _meet(
        self,
        node: _Node,
        key: str,
        page: Page,
        findings: Findings,
        names: set[str],
        *,
        is_whole: bool = False,
    ) -> bool:
        """Note a key that nobody has mapped. False if it has to be met again, for it is null until now."""
        keys = (*node.keys, key)
        is_settled = True
        for inner, values in leaves(keys, page.values(keys), flatten=self._flatten and not is_whole):
            if not self._adds:
                self.know(inner)
                findings.new.setdefault(path_of(inner, self._rows_path), "")
            elif set(map(type, values)) == {type(None)}:
                is_settled = False
            else:
                name = free_name((self._rows_path, *inner) if self._rows_path else inner, names)
                names.add(name)
                self.add(inner, name)
                findings.new[path_of(inner, self._rows_path)] = name
        return is_settled


def _has_others(values: Sequence[Any]) -> bool:
    return not set(map(type, values)) <= {dict, type(None)}
