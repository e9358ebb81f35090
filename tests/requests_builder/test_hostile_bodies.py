"""Every answer that no API should give: a defined end on the page and in a run, and the table as it was."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from requests_builder import runs
from requests_builder.models import Batch, Row, RunState, SavedRequest, Table, WriteMode
from tests import factories
from tests.connections.raw_server import RawServer
from tests.requests_builder import hostile
from tests.requests_builder.conftest import executed
from tests.requests_builder.hostile import HOSTILE, Hostile, bombing, endless, says
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db

GOOD = says('[{"id": 1}]')
# Over what a process takes that has read a small answer, for the hostile ones that it refuses.
MOST_BYTES = 64 * 2**20


@pytest.fixture
def server(settings: Settings) -> Iterator[RawServer]:
    with RawServer(GOOD) as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        settings.RUN_MAX_PAGE_BYTES = hostile.LIMIT
        yield server


@pytest.fixture
def pulled(team: Team, server: RawServer, now: datetime) -> SavedRequest:
    """A request whose table holds a row of a good run."""
    table = factories.TableFactory(team=team)
    saved = factories.SavedRequestFactory(
        team=team, table=table, url=server.url, write_mode=WriteMode.REPLACE
    )
    assert executed(runs.request_run(saved, user=None, now=now), now).state == RunState.SUCCEEDED
    return saved


def rows_of(table: Table | None) -> list[dict[str, Any]]:
    """What a reader finds in the table."""
    visible = Batch.objects.visible().filter(table=table)
    return [row.data for row in Row.objects.filter(batch__in=visible).order_by("id")]


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_the_page_shows_what_came_and_says_what_is_wrong_with_it(
    case: Hostile, client: Client, editor: User, server: RawServer
) -> None:
    client.force_login(editor)
    server.script = case.script
    posted = {"url": server.url, "timeout_seconds": str(case.timeout)}

    answer = client.post("/t/acme/requests/try/", posted, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    shown = answer.content.decode()
    assert re.findall('data-code="([a-z_]*)"', shown) == ([case.code] if case.code else [])
    assert case.says in text(answer)
    assert "Traceback" not in shown


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_run_takes_all_of_it_or_leaves_the_table_as_it_was(
    case: Hostile, pulled: SavedRequest, server: RawServer, now: datetime
) -> None:
    server.script = case.script
    SavedRequest.objects.update(timeout_seconds=case.timeout)

    run = executed(runs.request_run(pulled, user=None, now=now), now)

    if case.code:
        assert (run.error_code, run.state) == (case.code, RunState.QUEUED if case.heals else RunState.FAILED)
        assert case.says in run.error
        assert rows_of(pulled.table) == [{"id": 1}]
    else:
        assert (run.error_code, run.state) == ("", RunState.SUCCEEDED)
        assert rows_of(pulled.table) == case.rows


def test_no_records_wipe_nothing_unless_they_replace(
    pulled: SavedRequest, server: RawServer, now: datetime
) -> None:
    SavedRequest.objects.update(write_mode=WriteMode.APPEND)
    server.script = says("[]")

    run = executed(runs.request_run(pulled, user=None, now=now), now)

    assert run.state == RunState.SUCCEEDED
    assert rows_of(pulled.table) == [{"id": 1}]


def test_a_foreign_entity_is_never_fetched(pulled: SavedRequest, server: RawServer, now: datetime) -> None:
    canary = f"{server.url}/canary"
    server.script = says(f'<!DOCTYPE a [<!ENTITY x SYSTEM "{canary}">]><a>&x;</a>', "application/xml")
    server.requests.clear()

    executed(runs.request_run(pulled, user=None, now=now), now)

    assert len(server.requests) == 1


def test_a_number_beyond_a_double_is_exact_wherever_it_is_shown(
    pulled: SavedRequest, server: RawServer, client: Client, editor: User, now: datetime
) -> None:
    client.force_login(editor)
    number = 2**53 + 1
    server.script = says(json.dumps([{"n": number}]))
    executed(runs.request_run(pulled, user=None, now=now), now)

    shown = client.post("/t/acme/requests/try/", {"url": server.url}, headers={"HX-Request": "true"})
    assert pulled.table
    pages = [client.get(f"/t/acme/tables/{pulled.table.pk}/{name}") for name in ("", "rows.csv", "rows.json")]

    assert str(number) in text(shown)
    for page in pages:
        content = page.getvalue() if page.streaming else page.content
        assert str(number).encode() in content.replace(b",", b"")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (bombing(1024), "too_large"),
        (endless(b'["', b"x" * 65_000), "too_large"),
        (endless(b"[", b'{"id":1},' * 5_000), "too_large"),
        (says(hostile.deep(1_000_000, "[", "]")), "too_deep"),
        (says(hostile.LAUGHS, "application/xml"), "parse_error"),
    ],
    ids=["B01", "B09", "B07", "B10", "B26"],
)
@pytest.mark.slow
def test_what_is_refused_costs_little_memory(script: hostile.Script, code: str) -> None:
    with RawServer(GOOD) as good, RawServer(script) as bad:
        environment = {
            **os.environ,
            "OUTBOUND_ALLOW": f"127.0.0.1:{good.port},127.0.0.1:{bad.port}",
        }
        called = subprocess.run(
            [sys.executable, "-m", "tests.requests_builder.memory_caller", good.url, bad.url],
            env=environment,
            cwd=django_settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    told, grown = called.stdout.split()
    assert told == code
    assert int(grown) < MOST_BYTES
