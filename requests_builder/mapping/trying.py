"""A records path and a mapping tried on the answer that somebody has before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from requests_builder.expressions import InvalidPath, compiled, quoted_path
from requests_builder.records import UnreadableAnswer, records_at, suggest_paths

from .compiling import AsTheyCome, CompiledMapping
from .drift import Difference, accepted, difference
from .fields import ELEMENT, Arrays, Column, Drift, FieldMapping, InvalidMapping, from_config
from .inference import Field, fields_of

MOST_ROWS = 50
# As many values of a text are tried for an example as a page shows records.
_FEW = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that can be chosen. `is_here`: the answer has its field; `misfits`: values that do not fit."""

    column: Column
    samples: tuple[Any, ...] = ()
    is_array: bool = False
    is_here: bool = True
    misfits: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What a path and a mapping make of an answer.

    `problem` says what keeps them from making anything; it is about the mapping or, by default, the path.
    """

    problem: str = ""
    is_about_mapping: bool = False
    paths: Sequence[tuple[str, int]] = ()
    examples: Sequence[tuple[str, str]] = ()
    record_count: int = 0
    first: Any = None
    choices: Sequence[Choice] = ()
    # With what was asked for taken over; None: everything as it comes.
    mapping: FieldMapping | None = None
    difference: Difference = field(default_factory=Difference)
    rows: Sequence[dict[str, Any]] = ()
    row_count: int = 0
    types: Mapping[str, str] = field(default_factory=dict)


def tried(
    document: Any, path: str, config: Mapping[str, Any], *, accepts: bool = False, anew: bool = False
) -> Trial:
    """The document through the path and the mapping. What is wrong with them is told in the result.

    `accepts`: fields that are new, gone or of another type are taken over. `anew`: the fields are looked for
    again, because flattening or the list that becomes rows was changed; what is known of a field is kept.
    """
    trial = Trial(paths=suggest_paths(document))
    try:
        found = records_at(document, path)
    except (UnreadableAnswer, InvalidPath) as error:
        return replace(trial, problem=error.sentence, examples=_examples(document, path, []))
    trial = replace(trial, record_count=len(found), first=found[0] if found else None)
    try:
        mapping = from_config(config)
        fields = _fields(found, mapping)
        trial = replace(trial, examples=_examples(document, path, fields))
        if mapping and anew:
            mapping = _again(mapping, fields)
        return _mapped(trial, found, mapping, fields, accepts=accepts)
    except (UnreadableAnswer, InvalidMapping) as error:
        return replace(trial, problem=error.sentence, is_about_mapping=True)


def _fields(found: Sequence[dict[str, Any]], mapping: FieldMapping | None) -> list[Field]:
    if mapping is None:
        return fields_of(found, flatten=True)
    return fields_of(found, flatten=mapping.flatten, rows_path=mapping.rows_path)


def _mapped(
    trial: Trial,
    found: Sequence[dict[str, Any]],
    mapping: FieldMapping | None,
    fields: Sequence[Field],
    *,
    accepts: bool,
) -> Trial:
    if mapping is None:
        as_they_come = AsTheyCome().rows(found[:MOST_ROWS])
        choices = [Choice(each.column, each.samples, each.is_array) for each in fields]
        rows, count, types = as_they_come.rows, len(found), as_they_come.types
        return replace(trial, choices=choices, rows=rows, row_count=count, types=types)
    run, mapped, other = _run(mapping, found, fields)
    if accepts and other:
        mapping = accepted(mapping, other)
        run, mapped, other = _run(mapping, found, fields)
    return replace(
        trial,
        choices=_choices(mapping, fields, run.findings.misfits),
        mapping=mapping,
        difference=other,
        rows=mapped.rows[:MOST_ROWS],
        row_count=len(mapped.rows),
        types=mapped.types,
    )


def _run(mapping: FieldMapping, found: Sequence[dict[str, Any]], fields: Sequence[Field]) -> Any:
    # Whoever looks wants to see the difference that a frozen mapping would end a run for.
    lenient = replace(mapping, drift=Drift.DROP) if mapping.drift == Drift.FREEZE else mapping
    run = CompiledMapping(lenient)
    mapped = run.rows(found)
    return run, mapped, difference(mapping, fields, run.findings)


def _again(mapping: FieldMapping, fields: Sequence[Field]) -> FieldMapping:
    """The mapping for fields that were looked for anew, in their order; computed columns stay at the end."""
    known = {column.path: column for column in mapping.columns}
    there = {each.column.path for each in fields}
    columns = [known.get(each.column.path, each.column) for each in fields]
    columns += [column for column in mapping.columns if column.path not in there and _is_computed(column)]
    taken: set[str] = set()
    for number, column in enumerate(columns):
        if column.is_included and column.name in taken:
            columns[number] = replace(column, name=f"{column.name}_{number + 1}")
        taken.add(columns[number].name)
    return replace(mapping, columns=tuple(columns))


def _is_computed(column: Column) -> bool:
    return ELEMENT not in column.path and compiled(column.path).keys is None


def _choices(mapping: FieldMapping, fields: Sequence[Field], misfits: Mapping[str, int]) -> list[Choice]:
    by_path = {each.column.path: each for each in fields}
    choices = []
    for column in mapping.columns:
        here = by_path.get(column.path)
        choices.append(
            Choice(
                column,
                here.samples if here else (),
                here.is_array if here else column.arrays != Arrays.JSON,
                here is not None or _is_computed(column),
                misfits.get(column.name, 0),
            )
        )
    return choices


def _examples(document: Any, path: str, fields: Sequence[Field]) -> list[tuple[str, str]]:
    """Expressions for this very answer, each with what it does."""
    base = _base(document, path)
    examples = [("First 10", f"{base}[:10]")]
    top = [each for each in fields if (keys := compiled(each.column.path).keys) and len(keys) == 1]
    flags = [each.column.path for each in top if each.column.type == "boolean"]
    states = [each for each in top if each.samples and _is_word(each.samples[0])]
    if flags:
        flag = next((name for name in flags if "active" in name.lower()), flags[0])
        examples.append(("Only active" if "active" in flag.lower() else f"Only {flag}", f"{base}[?{flag}]"))
    elif states:
        state = next((each for each in states if "stat" in each.column.path.lower()), states[0])
        word = state.samples[0]
        examples.append((f"Only {word}", f"{base}[?{state.column.path} == '{word}']"))
    if top:
        chosen = ", ".join(f"{quoted_path([_new_name(each)])}: {each.column.path}" for each in top[:3])
        examples.append(("Rename fields", f"{base}[].{{{chosen}}}"))
    return examples


def _base(document: Any, path: str) -> str:
    """The plain path that the expression begins with, or the likeliest one."""
    if path and path != "@":
        try:
            if compiled(path).keys is not None:
                return path
        except InvalidPath:
            pass
    if isinstance(document, list):
        return ""
    suggested = suggest_paths(document)
    return suggested[0][0] if suggested and suggested[0][0] else "@"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= _FEW


def _new_name(each: Field) -> str:
    return "my_" + (each.column.name if each.column.name.isidentifier() else "field")
