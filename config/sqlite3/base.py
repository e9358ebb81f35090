"""The threads of a process write to SQLite one after the other, without trying each other's patience.

SQLite has one writer at a time, and no queue: whoever finds it busy sleeps up to 100 ms, looks again, and
gives up after `timeout` seconds with "database is locked". With dozens of threads some never come at the
right moment. Here a process sends one thread at a time: only processes compete, and no time is lost.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.sqlite3 import base

# Seconds; then SQLite itself decides. Longer than any transaction takes, also on a machine that is too busy.
PATIENCE = 120.0

_turn = threading.Lock()
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@contextmanager
def _in_turn(connection: Any, statement: str) -> Iterator[None]:
    """For one statement, unless it only reads or belongs to a transaction, which has its turn already."""
    is_write = statement.lstrip()[:7].upper().startswith(_WRITES)
    has_turn = is_write and not connection.in_transaction and _turn.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        if has_turn:
            _turn.release()


class Cursor(base.SQLiteCursorWrapper):
    def execute(self, query: str, params: Any = None) -> Any:
        with _in_turn(self.connection, query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with _in_turn(self.connection, query):
            return super().executemany(query, param_list)


class DatabaseWrapper(base.DatabaseWrapper):
    # The stubs do not know the methods that Django lets a backend define.
    _has_turn = False

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=Cursor)

    def _start_transaction_under_autocommit(self) -> None:
        self._has_turn = _turn.acquire(timeout=PATIENCE)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self._end_turn_if_over()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn_if_over()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn_if_over(self) -> None:
        # A commit that was refused is followed by a rollback.
        if self.connection is None or not self.connection.in_transaction:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turn.release()
