"""Rows on their way into a table, and out of it again."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from accounts.models import Team
from requests_builder import destinations
from requests_builder.destinations import table as table_destination
from requests_builder.models import Batch, Row, Run, RunState, SavedRequest, Table, WriteMode
from requests_builder.records import UnreadableAnswer
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def saved_request(team: Team) -> SavedRequest:
    return factories.SavedRequestFactory(team=team, table=factories.TableFactory(team=team))


def run_of(saved_request: SavedRequest, now: datetime) -> Run:
    return Run.objects.create(
        team=saved_request.team,
        saved_request=saved_request,
        trigger="manual",
        due_at=now,
        not_before=now,
        state=RunState.RUNNING,
    )


def pulled(saved_request: SavedRequest, records: list[dict[str, object]], now: datetime) -> Batch:
    run, destination = run_of(saved_request, now), destinations.of(saved_request)
    with transaction.atomic():
        shipment = destination.shipment(run, [(records, {})], rows=len(records), is_complete=True)
        destinations.publish([shipment], now)
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    return Batch.objects.get(run=run)


def columns(saved_request: SavedRequest) -> list[str]:
    columns: list[str] = Table.objects.get(pk=saved_request.table_id).columns
    return columns


def test_records_become_rows_as_they_are(saved_request: SavedRequest, now: datetime) -> None:
    records: list[dict[str, object]] = [
        {"id": 1, "__proto__": {"x": [1, None, True]}, "": "ü\t\\N\n\\."},
        {"id": 2**80, "text": 'quotes " and \\ and \u2028', "pk": 1.5},
        {},
    ]

    pulled(saved_request, records, now)

    assert [row.data for row in Row.objects.order_by("id")] == records


@pytest.mark.parametrize("keys", [None, ["text"]], ids=["without keys", "with keys"])
def test_every_text_comes_back_as_it_went_in(
    keys: list[str] | None, saved_request: SavedRequest, now: datetime
) -> None:
    texts = ["\\", "\\N", "\\.", "a\\tb", "a\tb", "two\nlines", "a\r", "\x01\x7f", '"', "é𝄞\u2028", "\\\\n"]
    saved_request.key_fields = keys or []
    saved_request.write_mode = WriteMode.UPDATE if keys else WriteMode.REPLACE
    saved_request.save()

    pulled(saved_request, [{"text": text} for text in texts], now)

    assert [row.data["text"] for row in Row.objects.visible().order_by("id")] == texts


def test_columns_are_in_the_order_in_which_they_were_first_seen(
    saved_request: SavedRequest, now: datetime
) -> None:
    saved_request.write_mode = WriteMode.APPEND
    pulled(saved_request, [{"b": 1}, {"a": 1, "b": 2}], now)
    pulled(saved_request, [{"c": 1, "a": 1}], now)
    assert columns(saved_request) == ["b", "a", "c"]


def test_columns_appear_with_the_rows_and_not_before(saved_request: SavedRequest, now: datetime) -> None:
    run, destination = run_of(saved_request, now), destinations.of(saved_request)
    destination.begin(run)
    destination.write([{"a": 1}])

    assert columns(saved_request) == []
    destinations.publish([destination.shipment(run, [], rows=1, is_complete=True)], now)
    assert columns(saved_request) == ["a"]


def test_columns_that_nothing_has_any_more_go_with_a_replace(
    saved_request: SavedRequest, now: datetime
) -> None:
    pulled(saved_request, [{"wrong": 1}], now)
    pulled(saved_request, [{"right": 1}], now)
    assert columns(saved_request) == ["right"]

    other = factories.SavedRequestFactory(team=saved_request.team, table=saved_request.table)
    pulled(other, [{"also": 1}], now)
    pulled(saved_request, [{"new": 1}], now)
    assert columns(saved_request) == ["right", "also", "new"], "another request's rows may need them"


def test_too_many_columns_are_refused(saved_request: SavedRequest, now: datetime) -> None:
    destination = destinations.of(saved_request)
    destination.begin(run_of(saved_request, now))
    destination.write([{f"a{number}": 1 for number in range(1500)}])

    with pytest.raises(UnreadableAnswer, match="more than 2,000"):
        destination.write([{f"b{number}": 1 for number in range(1500)}])


def test_a_request_without_a_table_has_no_destination() -> None:
    with pytest.raises(destinations.NoDestination):
        destinations.of(SavedRequest())


def test_publishing_with_a_clock_that_is_behind_is_no_mistake(
    saved_request: SavedRequest, now: datetime
) -> None:
    first = pulled(saved_request, [{"a": 1}], now)
    pulled(saved_request, [{"a": 2}], now - timedelta(seconds=5))
    first.refresh_from_db()
    assert first.superseded_at == now


def test_replaced_rows_stay_for_their_readers_and_are_then_removed_in_steps(
    saved_request: SavedRequest, now: datetime
) -> None:
    pulled(saved_request, [{"n": number} for number in range(5000)], now)
    pulled(saved_request, [{"n": 1}], now)

    soon, later = now + timedelta(minutes=9), now + timedelta(minutes=10)
    assert table_destination.sweep(soon, 100_000) == 0
    assert table_destination.sweep(later, 4000) == 4000
    assert table_destination.sweep(later, 4000) == 1000
    assert table_destination.sweep(later, 4000) == 0
    assert (Row.objects.count(), Batch.objects.count()) == (1, 1)


def test_rows_of_a_run_that_goes_on_are_not_swept(saved_request: SavedRequest, now: datetime) -> None:
    run, destination = run_of(saved_request, now), destinations.of(saved_request)
    destination.begin(run)
    destination.write([{"n": 1}])
    assert table_destination.sweep(now + timedelta(days=1), 100) == 0

    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    assert table_destination.sweep(now, 100) == 1


def test_a_table_learns_the_types_of_its_columns_with_the_rows(
    saved_request: SavedRequest, now: datetime
) -> None:
    saved_request.write_mode = WriteMode.APPEND
    for page, types in (
        ([{"id": 1, "price": 2, "note": 3}], {"id": "integer", "price": "integer", "note": "integer"}),
        ([{"id": 2, "price": 2.5, "note": "x"}], {"id": "integer", "price": "number", "note": "text"}),
    ):
        run, destination = run_of(saved_request, now), destinations.of(saved_request)
        destination.begin(run)
        destination.write(page, types)
        destinations.publish([destination.shipment(run, [], rows=1, is_complete=True)], now)

    table = Table.objects.get(pk=saved_request.table_id)
    assert table.column_types == {"id": "integer", "price": "number", "note": "text"}


def test_the_types_of_a_replaced_pull_go_with_its_rows(saved_request: SavedRequest, now: datetime) -> None:
    for value, type_ in ((1, "integer"), ("x", "text")):
        run, destination = run_of(saved_request, now), destinations.of(saved_request)
        destination.begin(run)
        destination.write([{"a": value}], {"a": type_})
        destinations.publish([destination.shipment(run, [], rows=1, is_complete=True)], now)

    assert Table.objects.get(pk=saved_request.table_id).column_types == {"a": "text"}
