"""A renewed token is on the disk before it is in the database, and found there by whoever comes next."""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pytest_django.fixtures import Settings

from connections import grants
from connections.grants.renewal import journal, late
from connections.grants.renewal.leases import lease
from connections.models import Connection, ConnectionState, DiscardedToken, Token
from connections.oauth2 import TokenAnswer
from demo_api.server import DemoServer
from tests import factories
from tests.connections.callers import Callers

pytestmark = pytest.mark.requirement("R34", "QC24")

ANSWER = TokenAnswer(
    "access-2", "refresh-2", life=timedelta(minutes=5), account="ann", kept={"instance_url": "https://x"}
)


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """A folder for the journal of this test alone."""
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def token(connection: Connection, now: datetime) -> Token:
    return factories.connected(connection, now=now, granted_at=now)


def entries(data_dir: Path) -> list[bytes]:
    return [path.read_bytes() for path in (data_dir / "journal").iterdir()]


def leave(token: Token, now: datetime, *, holder: uuid.UUID | None = None) -> journal.Entry:
    """An answer to the renewal of this token, as whoever received it could not store it."""
    with journal.kept(token, ANSWER, holder=holder or uuid.uuid4(), at=now, is_rejected=False) as entry:
        return entry


def test_what_was_left_is_stored_by_the_next_tick(token: Token, data_dir: Path, now: datetime) -> None:
    Connection.objects.update(state=ConnectionState.NEEDS_REAUTH)
    leave(token, now)

    assert late.store_what_was_left(now=now + timedelta(minutes=1)) == 1

    stored = Token.objects.select_related("connection").get()
    assert (stored.access_token, stored.refresh_token, stored.version) == ("access-2", "refresh-2", 2)
    # From when it was asked for, not from when it was found.
    assert stored.expires_at == now + timedelta(minutes=5)
    assert (stored.account, stored.kept) == ("ann", {"instance_url": "https://x"})
    assert stored.connection.state == ConnectionState.CONNECTED
    assert entries(data_dir) == [b""]


def test_nobody_but_its_owner_can_read_it_and_it_holds_no_token_in_the_clear(
    token: Token, data_dir: Path, now: datetime
) -> None:
    leave(token, now)

    [path] = (data_dir / "journal").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert str(token.pk).encode() in path.read_bytes()
    assert b"access-2" not in path.read_bytes()
    assert b"refresh-2" not in path.read_bytes()


def test_an_answer_that_was_stored_at_once_leaves_nothing_behind(
    provider: DemoServer, connection: Connection, data_dir: Path, now: datetime
) -> None:
    tokens = provider.mint("contacts.read")
    factories.connected(
        connection, now=now, access_token=tokens.access_token, refresh_token=tokens.refresh_token
    )

    grants.refresh(connection, now=now)

    assert entries(data_dir) == [b""]


def test_a_caller_finds_it_before_the_old_token_is_sent_again(
    provider: DemoServer, token: Token, now: datetime
) -> None:
    leave(token, now + timedelta(hours=1))

    found = grants.fresh_token(token.connection, now=now + timedelta(hours=1))

    assert (found.value, found.version) == ("access-2", 2)
    assert provider.token_requests == []


def test_the_lease_of_the_dead_does_not_keep_it_from_being_stored(token: Token, now: datetime) -> None:
    held = lease(token, now)
    assert held is not None
    leave(token, now, holder=held.holder)

    assert late.store_what_was_left(now=now) == 1


def test_it_waits_while_somebody_else_asks_with_the_old_token(token: Token, now: datetime) -> None:
    leave(token, now)
    assert lease(token, now)

    assert late.store_what_was_left(now=now) == 0
    assert late.store_what_was_left(now=now + timedelta(seconds=21)) == 1


def test_it_is_never_stored_over_a_newer_version_and_then_forgotten(
    token: Token, data_dir: Path, now: datetime
) -> None:
    leave(token, now)
    Token.objects.update(version=2)

    late.store_what_was_left(now=now)

    assert Token.objects.get().access_token == "access-1"
    assert entries(data_dir) == [b""]
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("QC40")
def test_what_belongs_to_a_grant_that_was_replaced_is_revoked(token: Token, now: datetime) -> None:
    leave(token, now)
    Token.objects.update(version=2, granted_at=now + timedelta(minutes=1))

    late.store_what_was_left(now=now)

    assert [each.refresh_token for each in DiscardedToken.objects.all()] == ["refresh-2"]
    assert Token.objects.get().access_token == "access-1"


@pytest.mark.requirement("QC40")
def test_what_belongs_to_a_disconnected_connection_is_revoked(token: Token, now: datetime) -> None:
    leave(token, now)
    token.delete()

    late.store_what_was_left(now=now)

    assert [each.access_token for each in DiscardedToken.objects.all()] == ["access-2"]


@pytest.mark.requirement("QC40")
@pytest.mark.parametrize("edited", [{"client_id": "another"}, {"token_url": "https://other.example/t"}])
def test_what_belongs_to_another_client_or_server_is_shown_to_nobody(
    token: Token, now: datetime, edited: dict[str, str]
) -> None:
    leave(token, now)
    token.delete()
    Connection.objects.update(**edited)

    assert late.store_what_was_left(now=now) == 1

    assert not DiscardedToken.objects.exists()


def test_without_the_key_it_is_kept_until_the_key_is_back(
    token: Token, now: datetime, settings: Settings
) -> None:
    leave(token, now)
    ring = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {2: b"x" * 32}
    assert late.store_what_was_left(now=now) == 0

    settings.ENCRYPTION_KEYS = ring
    assert late.store_what_was_left(now=now) == 1


def test_a_line_that_was_cut_off_spoils_no_other(token: Token, data_dir: Path, now: datetime) -> None:
    leave(token, now)
    [path] = (data_dir / "journal").iterdir()
    whole = path.read_bytes()
    journal.replay(lambda entry: True)
    (path.parent / "1-dead").write_bytes(whole + whole[:100])

    assert late.store_what_was_left(now=now) == 1
    # The file of a dead process goes with its last entry; ours stays.
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_takes_nothing_does_not_keep_a_token_out_of_the_database(
    provider: DemoServer, connection: Connection, data_dir: Path, now: datetime
) -> None:
    (data_dir / "journal").write_text("a file where the folder should be")
    tokens = provider.mint("contacts.read")
    factories.connected(
        connection, now=now, access_token=tokens.access_token, refresh_token=tokens.refresh_token
    )

    assert grants.refresh(connection, now=now).version == 2


# kill -9 between the answer and the database


@contextmanager
def database_that_takes_nothing(url: str) -> Iterator[None]:
    """Let nobody write tokens meanwhile, as though the database stood still."""
    if url.startswith("sqlite"):
        database = sqlite3.connect(urlsplit(url).path, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")
            database.close()
        return
    with psycopg.connect(url) as server:
        server.execute("SELECT 1 FROM connections_token FOR UPDATE")
        yield


@pytest.mark.slow
def test_a_process_killed_between_the_answer_and_the_database_loses_nothing_at_a_strict_server(
    provider: DemoServer, callers: Callers
) -> None:
    folder = Path(callers.environment["DATA_DIR"]) / "journal"
    provider.hold("/oauth/token")
    asked = callers.ask()
    assert provider.wait_until_held(30)
    with database_that_takes_nothing(callers.environment["DATABASE_URL"]):
        provider.release()
        until = time.monotonic() + 20
        while not any(path.stat().st_size for path in folder.glob("*")) and time.monotonic() < until:
            time.sleep(0.02)
        asked.kill()

    [answer] = callers.ask().answers()

    assert answer["version"] == 2
    assert len(provider.token_requests) == 1
    assert not provider.reuse_was_detected
