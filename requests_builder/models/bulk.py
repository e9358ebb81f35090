"""Many rows of a model in one statement, where its composing by the ORM would take longer than its execution.

Values are those of the fields, in Python; each field makes of them what its column takes. No signals, no
defaults, and no encryption: what is not named gets what the column gives by itself.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

_NOTHING: Mapping[str, Any] = MappingProxyType({})
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, and the values for its places."""

    sql: str
    values: Sequence[Any]

    def execute(self) -> int:
        """How many rows it has met."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values)
            return int(cursor.rowcount)

    def execute_bound(self) -> int:
        """The same on PostgreSQL, with the values sent beside the SQL: large ones are not quoted into it."""
        # Whoever is on SQLite has no use for its nine megabytes.
        from psycopg import Cursor

        connection.ensure_connection()
        with connection._prepare_cursor(Cursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
            cursor.execute(self.sql, self.values)
            return int(cursor.rowcount)


def insert(
    model: type[models.Model], names: Sequence[str], rows: Rows, *, returning: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    """Insert the rows, with values in the order of `names`; the columns `returning`, in whatever order."""
    fields = _fields(model, tuple(names))
    sql = f"INSERT INTO {_table(model)} ({_columns(model, names)}) VALUES {_places(rows)}"  # noqa: S608 - our own names
    if returning:
        sql += f" RETURNING {_columns(model, returning)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, _prepared(fields, rows))
        return list(cursor.fetchall()) if returning else []


def update(
    model: type[models.Model],
    names: Sequence[str],
    rows: Rows,
    *,
    alike: Mapping[str, Any] = _NOTHING,
    only_if: Sequence[str] = (),
) -> int:
    """Write rows by their primary key, which begins each, then `only_if`, then `names`; how many it were.

    Where a column of `only_if` has another value, the row is left alone. `alike` are written to all.
    """
    pk = model._meta.pk
    assert pk is not None
    told = (pk.name, *only_if, *names)
    fields = _fields(model, told)
    sets = [f"{_column(model, name)} = {_given(model, name, told.index(name) + 1)}" for name in names]
    sets += [f"{_column(model, name)} = %s" for name in alike]
    wheres = [
        f"{_table(model)}.{_column(model, name)} = {_given(model, name, told.index(name) + 1)}"
        for name in (pk.name, *only_if)
    ]
    sql = (
        f"UPDATE {_table(model)} SET {', '.join(sets)} FROM (VALUES {_places(rows)}) AS given "  # noqa: S608 - our own names
        f"WHERE {' AND '.join(wheres)}"
    )
    values = _prepared(_fields(model, tuple(alike)), [list(alike.values())]) + _prepared(fields, rows)
    return Statement(sql, values).execute()


@functools.cache
def _fields(model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    return [model._meta.get_field(name) for name in names]


def _prepared(fields: Sequence[Any], rows: Rows) -> list[Any]:
    # Not the proxy, which looks each of its attributes up anew.
    database = connections[DEFAULT_DB_ALIAS]
    return [
        field.get_db_prep_save(value, database)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]


def _places(rows: Rows) -> str:
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    return ", ".join([row] * len(rows))


def _given(model: type[models.Model], name: str, number: int) -> str:
    """The column of VALUES, by its number; PostgreSQL has to be told of what type a NULL is."""
    [field] = _fields(model, (name,))
    is_text = isinstance(field, models.CharField | models.TextField)
    if connection.vendor != "postgresql" or is_text:
        return f"given.column{number}"
    return f"CAST(given.column{number} AS {field.db_type(connection)})"


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(model: type[models.Model], name: str) -> str:
    [field] = _fields(model, (name,))
    return connection.ops.quote_name(field.column)


def _columns(model: type[models.Model], names: Sequence[str]) -> str:
    return ", ".join(_column(model, name) for name in names)
