"""A mapping made ready for a run: pages of records in, rows out, and what was found on the way.

A page is turned round: all values of a column at once, whose classes are looked at as a set. Only a column
in which something has to be changed is walked value by value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from requests_builder.expressions import Expression, InvalidPath, compiled

from .fields import ELEMENT, Arrays, Column, Drift, FieldMapping, from_config
from .saying import refusal, remark
from .types import ColumnType, type_of, types_of
from .unfolding import unfolded
from .values import MISFIT, Convert, converter, joined
from .walking import Keys, Page, check_width
from .watching import Findings, Watch

_NONE = type(None)
# Values of these classes stand in a column of the type as they are.
_AS_THEY_ARE: Mapping[ColumnType, frozenset[type]] = {
    ColumnType.TEXT: frozenset({str, _NONE}),
    ColumnType.NUMBER: frozenset({int, float, _NONE}),
    ColumnType.INTEGER: frozenset({int, _NONE}),
    ColumnType.BOOLEAN: frozenset({bool, _NONE}),
    ColumnType.JSON: frozenset({str, int, float, bool, list, dict, _NONE}),
    ColumnType.DATE: frozenset({_NONE}),
    ColumnType.DATETIME: frozenset({_NONE}),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What became of a page: its rows, and the types of their columns as far as known."""

    rows: Sequence[dict[str, Any]]
    types: Mapping[str, str]


class MappingFrozen(ValueError):
    """Under Freeze, the records have other fields than the mapping; `sentence` says which."""

    code = "fields_changed"

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class AsTheyCome:
    """No mapping: each record is a row, and each of its keys a column."""

    def __init__(self) -> None:
        self.findings = Findings()

    def rows(self, page: Sequence[dict[str, Any]]) -> Rows:
        return Rows(page, types_of(page))

    def end(self) -> str:
        return ""


class CompiledMapping:
    """A mapping in use by one run, or by one look at a sample; it remembers what it has met."""

    def __init__(self, mapping: FieldMapping, findings: Findings | None = None) -> None:
        self.findings = findings or Findings()
        self._mapping = mapping
        self._rows_path = mapping.rows_path
        zone = ZoneInfo(mapping.timezone)
        slots = [_slot(column, mapping, self._rows_path, zone) for column in mapping.columns]
        self._slots = [slot for slot in slots if slot.column.is_included]
        adds = mapping.drift == Drift.EVOLVE
        self._records = Watch(flatten=mapping.flatten, adds=adds)
        self._elements = Watch(flatten=mapping.flatten, adds=adds, rows_path=self._rows_path)
        for slot in slots:
            self._settle(slot)
        self._names = {slot.column.name for slot in self._slots}
        self._types = {slot.column.name: slot.column.type.value for slot in self._slots}
        for path, name in self.findings.new.items():
            self._restore(path, name)

    def rows(self, page: Sequence[dict[str, Any]]) -> Rows:
        """The rows of a page of records.

        Raises UnreadableAnswer where they would be too many or too wide, MappingFrozen where a frozen mapping
        does not know them.
        """
        rows = self._rows(page)
        self._refuse(is_whole=False)
        return rows

    def end(self) -> str:
        """What there is to say once all pages are in; raises MappingFrozen if a field of it never came."""
        self._refuse(is_whole=True)
        return remark(self._mapping, self.findings)

    def _refuse(self, *, is_whole: bool) -> None:
        if sentence := refusal(self._mapping, self.findings, is_whole=is_whole):
            raise MappingFrozen(sentence)

    def _rows(self, page: Sequence[dict[str, Any]]) -> Rows:
        if not page:
            return Rows([], {})
        elements: Page | None = None
        if self._rows_path:
            page, found = unfolded(page, self._rows_path)
            elements = Page(found)
        records = Page(page)
        self._look(records, elements)
        cells: list[Sequence[Any]] = []
        for slot in self._slots:
            source = elements if elements is not None and slot.is_of_element else records
            cells.append(self._typed(slot, slot.values(source)))
        names, types = [slot.column.name for slot in self._slots], dict(self._types)
        for watch, found_in in ((self._records, records), (self._elements, elements)):
            for added in watch.added if found_in is not None else ():
                assert found_in is not None
                values = found_in.values(added.keys)
                names.append(added.name)
                cells.append(values)
                if type_ := type_of(values):
                    types[added.name] = type_
        if not names:
            return Rows([{} for _ in page], {})
        return Rows(list(map(_row_of(tuple(names)), *cells)), types)

    def _typed(self, slot: "_Slot", values: Sequence[Any]) -> Sequence[Any]:
        if not slot.fits.issuperset(map(type, values)):
            convert = slot.convert
            values = [convert(value) for value in values]
            if count := values.count(MISFIT):
                name = slot.column.name
                self.findings.misfits[name] = self.findings.misfits.get(name, 0) + count
                values = [None if value is MISFIT else value for value in values]
        return values

    def _look(self, records: Page, elements: Page | None) -> None:
        self._records.look(records, self.findings, self._names)
        missing = self._records.missing
        if elements is not None:
            self._elements.look(elements, self.findings, self._names)
            missing += self._elements.missing
        before = self.findings.missing
        # A run that goes on knows from its earlier pages what is there.
        self.findings.missing = missing if before is None else [path for path in before if path in missing]
        check_width(len(self._names))

    def _settle(self, slot: "_Slot") -> None:
        """Only fields that no column names are new; those of a computed column begin where it does."""
        watch = self._elements if slot.is_of_element else self._records
        if slot.column.arrays == Arrays.ROWS:
            watch = self._records
            keys = compiled(slot.column.path).keys
        else:
            keys = slot.keys
        if keys is None:
            assert slot.expression is not None
            for root in slot.expression.roots:
                watch.know((root,))
            return
        watch.know(keys)
        if slot.column.is_included:
            watch.want(keys, slot.column.path)

    def _restore(self, path: str, name: str) -> None:
        prefix = f"{self._rows_path}{ELEMENT}."
        is_of_element = bool(self._rows_path) and path.startswith(prefix)
        watch = self._elements if is_of_element else self._records
        keys = compiled(path.removeprefix(prefix) if is_of_element else path).keys or ()
        if name:
            watch.add(keys, name)
            self._names.add(name)
        else:
            watch.know(keys)


@lru_cache(maxsize=64)
def _row_of(names: tuple[str, ...]) -> Callable[..., dict[str, Any]]:
    """What makes a row of the values of its columns, in their order: compiled, which halves the time.

    The source holds numbers only; the names, which people have chosen, are handed in as values.
    """
    numbers = range(len(names))
    values, pairs = (", ".join(form.format(n) for n in numbers) for form in ("v{0}", "k{0}: v{0}"))
    keys = {f"k{number}": name for number, name in enumerate(names)}
    made: Callable[..., dict[str, Any]] = eval(f"lambda {values}: {{{pairs}}}", keys)  # noqa: S307
    return made


@dataclass(frozen=True, slots=True)
class _Slot:
    """A column in work: where its values are, and what makes them fit."""

    column: Column
    is_of_element: bool
    # Where it is, if that is a plain path; otherwise `expression` finds it.
    keys: Keys | None
    expression: Expression | None
    fits: frozenset[type]
    convert: Convert

    def values(self, page: Page) -> Sequence[Any]:
        if self.keys is not None:
            return page.values(self.keys)
        return [self._search(record) for record in page.records]

    def _search(self, record: Any) -> Any:
        assert self.expression is not None
        try:
            return self.expression.search(record)
        except InvalidPath:
            # A function that cannot work with this record's value.
            return MISFIT


def _slot(column: Column, mapping: FieldMapping, rows_path: str, zone: ZoneInfo) -> _Slot:
    convert = converter(column.type, zone=zone, format_=column.format)
    if column.arrays == Arrays.JOIN:
        separator = mapping.separator
        convert = lambda value: joined(value, separator)  # noqa: E731 - one of several that are alike
    keys: Keys | None
    expression: Expression | None = None
    if column.arrays == Arrays.ROWS:
        is_of_element, keys = True, ()
    else:
        prefix = f"{rows_path}{ELEMENT}."
        is_of_element = bool(rows_path) and column.path.startswith(prefix)
        expression = compiled(column.path.removeprefix(prefix) if is_of_element else column.path)
        keys = expression.keys
    guarded = convert if keys is not None else lambda value: value if value is MISFIT else convert(value)
    return _Slot(column, is_of_element, keys, expression, _AS_THEY_ARE[column.type], guarded)


def started(
    config: Mapping[str, Any], stored: Mapping[str, Any] | None = None
) -> CompiledMapping | AsTheyCome:
    """The mapping of a request, ready for its pages; `stored` is what earlier pages of the run have shown.

    Raises InvalidMapping.
    """
    mapping = from_config(config)
    return CompiledMapping(mapping, Findings.from_json(stored or {})) if mapping else AsTheyCome()
