"""Runs in a builder that take longer than a moment."""

import time
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.models import Role, Team, User
from requests_builder import runs, tries
from requests_builder.models import SavedRequest, Try
from tests import factories
from tests.connections.raw_server import Peer, RawServer

pytestmark = pytest.mark.django_db

ID = "0f0e0d0c-0b0a-4900-8807-060504030201"


@pytest.fixture
def watch(team: Team, editor: User, now: datetime) -> tries.Watch:
    """One that looks each time."""
    return tries.Watch(team, editor, tries.UUID(ID), now=now, beat=0)


def test_a_short_call_writes_nothing(team: Team, editor: User, now: datetime) -> None:
    with (
        CaptureQueriesContext(database) as queries,
        tries.watched(team, editor, ID, now=now) as watch,
    ):
        assert watch
        assert watch(10)

    assert len(queries) == 0


def test_others_hear_how_far_a_call_is_until_it_ends(watch: tries.Watch, team: Team, editor: User) -> None:
    assert tries.received(team, editor, ID) is None
    assert watch(10)
    assert watch(2_000)
    assert tries.received(team, editor, ID) == 2_000

    watch.end()

    assert tries.received(team, editor, ID) is None


def test_a_cancelled_call_is_not_wanted_any_more(
    watch: tries.Watch, team: Team, editor: User, now: datetime
) -> None:
    assert watch(10)

    tries.cancel(team, editor, ID, now=now)

    assert not watch(20)


def test_a_call_is_cancelled_also_before_it_was_written_down(
    watch: tries.Watch, team: Team, editor: User, now: datetime
) -> None:
    tries.cancel(team, editor, ID, now=now)

    assert not watch(10)


def test_nobody_hears_of_or_cancels_the_call_of_another(
    watch: tries.Watch, team: Team, editor: User, now: datetime
) -> None:
    other, elsewhere = factories.member_of(team, Role.OWNER), factories.TeamFactory()
    assert watch(10)

    for place, person in ((team, other), (elsewhere, editor)):
        assert tries.received(place, person, ID) is None
        tries.cancel(place, person, ID, now=now)

    assert watch(20)


def test_a_call_under_the_id_of_another_goes_without_news(
    watch: tries.Watch, team: Team, now: datetime
) -> None:
    other = factories.member_of(team, Role.OWNER)
    tries.cancel(team, other, ID, now=now)

    assert not watch(10)
    assert Try.objects.get().user == other


@pytest.mark.parametrize("text", ["", "x", "0" * 40])
def test_without_an_id_nobody_watches(text: str, team: Team, editor: User, now: datetime) -> None:
    with tries.watched(team, editor, text, now=now) as watch:
        assert watch is None
    tries.cancel(team, editor, text, now=now)
    assert tries.received(team, editor, text) is None
    assert not Try.objects.exists()


def test_what_was_left_behind_is_removed_after_an_hour(team: Team, editor: User, now: datetime) -> None:
    for hours in (0, 2):
        Try.objects.create(pk=uuid4(), team=team, user=editor, begun_at=now - timedelta(hours=hours))

    assert tries.sweep(now) == 1
    assert Try.objects.count() == 1


def test_the_page_is_told_how_far_it_is_and_cancels(client: Client, watch: tries.Watch, editor: User) -> None:
    client.force_login(editor)
    asked = f"/t/acme/requests/try/progress/?try={ID}"
    assert client.get(asked).status_code == 204
    assert watch(4_321)

    assert client.get(asked).content == b"4321"
    assert client.post("/t/acme/requests/try/cancel/", {"try": ID}).status_code == 204

    assert not watch(5_000)


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_run_leaves_a_silent_server_alone_soon(
    team: Team, editor: User, settings: Settings, now: datetime
) -> None:
    def stalling(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning")
        peer.pause(60)

    with RawServer(stalling) as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        tries.cancel(team, editor, ID, now=now)
        began = time.monotonic()

        with tries.watched(team, editor, ID, now=now) as watch:
            shown = runs.preview(SavedRequest(team=team, url=server.url), now=now, watch=watch)

    assert time.monotonic() - began < 20
    assert shown.problem
    assert shown.problem.code == "cancelled"
