"""Renewed tokens on disk before they are in the database, for the time in between.

An authorization server that rotates gives a refresh token once. So each answer is written to a file of this
process in DATA_DIR, encrypted for its row, and forced to the disk before anything else happens to it. What a
process leaves there, because it was killed or the database was away, others store: `late` does that.

A line of a file is a JSON object: `entry` and what belongs to it, or `stored` for one that is done with.
"""

import dataclasses
import fcntl
import json
import logging
import os
import threading
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from connections.models import Token
from connections.oauth2 import TokenAnswer

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """The answer to a renewal of one version of a token, not stored yet. Its secrets are sealed."""

    id: str
    connection_id: uuid.UUID
    token_id: uuid.UUID
    version: int
    # The lease under which it was asked for.
    holder: uuid.UUID
    sealed: bytes = dataclasses.field(repr=False)

    def open(self) -> "Received":
        """What is in it. Raises DecryptionFailed."""
        members = json.loads(Token.unseal_aside(self.token_id, self.sealed))
        names = {each.name for each in dataclasses.fields(TokenAnswer)}
        # Another version of the product may have written it.
        answer = {name: _read(value) for name, value in members["answer"].items() if name in names}
        granted_at = members["granted_at"]
        return Received(
            answer=TokenAnswer(**answer),
            at=datetime.fromisoformat(members["at"]),
            granted_at=datetime.fromisoformat(granted_at) if granted_at else None,
            is_rejected=members["is_rejected"],
            server_key=members.get("server_key", ""),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """An answer, with what storing it needs to know."""

    answer: TokenAnswer
    at: datetime
    # When the grant was given to which it belongs.
    granted_at: datetime | None
    is_rejected: bool
    # Which client asked which server, as Connection.server_key has it.
    server_key: str


class _File:
    """This process's own file: locked as long as the process lives, and empty while nothing is pending."""

    def __init__(self, folder: Path) -> None:
        self.pid = os.getpid()
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path, self._descriptor = self._made()
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0
        self._pending: dict[str, Entry] = {}
        self._in_hand: set[str] = set()

    def _made(self) -> tuple[Path, int]:
        while True:
            path = self.folder / f"{self.pid}-{uuid.uuid4().hex}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Before it was locked, somebody may have taken it for a dead process's, and removed it.
            if os.fstat(descriptor).st_nlink:
                return path, descriptor
            os.close(descriptor)

    def append(self, entry: Entry) -> None:
        """Returns when the entry is on the disk. One write to the disk serves all who wait for it."""
        with self._lock:
            self._write(_line_of(entry))
            self._written += 1
            mine = self._written
            self._pending[entry.id] = entry
            self._in_hand.add(entry.id)
        with self._syncing:
            if self._synced < mine:
                written = self._written
                os.fsync(self._descriptor)
                self._synced = written

    def settled(self, entry_id: str) -> None:
        """It is stored, or of no use. Not forced to the disk: storing it twice comes to the same."""
        with self._lock:
            if self._pending.pop(entry_id, None) is None:
                return
            self._in_hand.discard(entry_id)
            if self._pending:
                self._write({"stored": entry_id})
            else:
                os.ftruncate(self._descriptor, 0)

    def laid_down(self, entry_id: str) -> None:
        """Whoever received it has done what they could."""
        with self._lock:
            self._in_hand.discard(entry_id)

    def left(self) -> list[Entry]:
        """What nobody in this process is storing right now."""
        with self._lock:
            return [entry for entry in self._pending.values() if entry.id not in self._in_hand]

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


_own: _File | None = None
_opening = threading.Lock()


@contextmanager
def kept(
    token: Token, answer: TokenAnswer, *, holder: uuid.UUID, at: datetime, is_rejected: bool
) -> Iterator[Entry]:
    """Keep an answer on the disk from now on, until it is settled(): while the body runs, it is the body's.

    A disk that is full does not keep it from being stored in the database.
    """
    members = {
        "answer": {each.name: _written(getattr(answer, each.name)) for each in dataclasses.fields(answer)},
        "at": at.isoformat(),
        "granted_at": token.granted_at.isoformat() if token.granted_at else None,
        "server_key": token.connection.server_key,
        "is_rejected": is_rejected,
    }
    entry = Entry(
        id=uuid.uuid4().hex,
        connection_id=token.connection_id,
        token_id=token.pk,
        version=token.version,
        holder=holder,
        sealed=Token.seal_aside(token.pk, json.dumps(members)),
    )
    try:
        _own_file().append(entry)
    except OSError as error:
        logger.error("The journal of renewed tokens cannot be written: %s", error.strerror)
    try:
        yield entry
    finally:
        if _own is not None:
            _own.laid_down(entry.id)


def settled(entry: Entry) -> None:
    """The entry is stored, or of no use."""
    if _own is not None:
        _own.settled(entry.id)


def replay(store: Callable[[Entry], bool]) -> None:
    """Give `store` each answer that nobody is storing any more; True from it means that it is done with.

    Those of this process that could not be stored when they came, and those of processes that are dead.
    """
    if _own is not None and _own.pid == os.getpid():
        for entry in _own.left():
            if store(entry):
                _own.settled(entry.id)
    for path in _others():
        with _opened(path) as descriptor:
            # Its process lives, and stores what is in it.
            if descriptor is None or not _lock(descriptor):
                continue
            done = [store(entry) for entry in _entries_in(descriptor)]
            if all(done):
                path.unlink(missing_ok=True)


def left_for(token: Token) -> list[Entry]:
    """Answers for this version of a token that any process of this machine has on the disk."""
    entries = _own.left() if _own is not None and _own.pid == os.getpid() else []
    for path in _others():
        with _opened(path) as descriptor:
            if descriptor is not None and os.fstat(descriptor).st_size:
                entries += _entries_in(descriptor)
    return [entry for entry in entries if entry.token_id == token.pk and entry.version == token.version]


def _own_file() -> _File:
    global _own  # noqa: PLW0603 - one for each process
    with _opening:
        # A process that was forked has its own.
        if _own is None or _own.pid != os.getpid() or _own.folder != _folder():
            _own = _File(_folder())
        return _own


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "journal"


def _others() -> list[Path]:
    try:
        names = sorted(os.listdir(_folder()))
    except FileNotFoundError:
        return []
    except OSError as error:
        logger.error("The journal of renewed tokens cannot be read: %s", error.strerror)
        return []
    own = _own.path if _own is not None and _own.pid == os.getpid() else None
    return [path for path in (_folder() / name for name in names) if path != own]


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """The file of another process; None if it is gone by now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _entries_in(descriptor: int) -> list[Entry]:
    entries: dict[str, Entry] = {}
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        for line in file:
            # The last one may have been cut off by the end of its process: then nothing rests on it.
            with suppress(ValueError, KeyError):
                members = json.loads(line)
                if "stored" in members:
                    entries.pop(members["stored"], None)
                else:
                    entries[members["entry"]] = _entry_of(members)
    return list(entries.values())


def _line_of(entry: Entry) -> dict[str, object]:
    return {
        "entry": entry.id,
        "connection": str(entry.connection_id),
        "token": str(entry.token_id),
        "version": entry.version,
        "holder": str(entry.holder),
        "sealed": b64encode(entry.sealed).decode(),
    }


def _entry_of(members: dict[str, Any]) -> Entry:
    return Entry(
        id=members["entry"],
        connection_id=uuid.UUID(members["connection"]),
        token_id=uuid.UUID(members["token"]),
        version=members["version"],
        holder=uuid.UUID(members["holder"]),
        sealed=b64decode(members["sealed"]),
    )


def _written(value: object) -> object:
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    return {"mapping": dict(value)} if isinstance(value, Mapping) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return timedelta(seconds=value["seconds"]) if "seconds" in value else value["mapping"]
    return value
