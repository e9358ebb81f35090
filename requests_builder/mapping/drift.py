"""A mapping beside what answers have now: what is new, what is gone, what has changed its type."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .fields import Column, FieldMapping
from .inference import Field
from .types import ColumnType
from .walking import free_name
from .watching import Findings


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed since a mapping was made. `changed`: a column, and what its values are now."""

    new: tuple[Column, ...] = ()
    gone: tuple[Column, ...] = ()
    changed: tuple[tuple[Column, ColumnType], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)


def difference(mapping: FieldMapping, fields: Sequence[Field], findings: Findings) -> Difference:
    """The mapping beside a sample: its fields, and what the mapping has found in its records."""
    now = {field.column.path: field.column for field in fields}
    columns = [column for column in mapping.columns if column.is_included]
    missing = findings.missing or []
    return Difference(
        new=tuple(now[path] for path in findings.new if path in now),
        gone=tuple(column for column in columns if column.path in missing),
        changed=tuple(
            (column, now[column.path].type)
            for column in columns
            if column.name in findings.misfits and column.path in now
        ),
    )


def accepted(mapping: FieldMapping, found: Difference) -> FieldMapping:
    """The mapping with the difference taken over: new columns come last, gone ones go, types are as now."""
    gone = {column.path for column in found.gone}
    types = {column.path: type_ for column, type_ in found.changed}
    kept = [
        replace(column, type=types[column.path], format="") if column.path in types else column
        for column in mapping.columns
        if column.path not in gone
    ]
    names = {column.name for column in kept}
    for column in found.new:
        name = free_name((column.name,), names)
        names.add(name)
        kept.append(replace(column, name=name))
    return replace(mapping, columns=tuple(kept))
