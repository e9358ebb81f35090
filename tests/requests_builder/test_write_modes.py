"""Update and Append by key: which records become new rows, which change one, and which are left out."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from requests_builder import destinations, runs, tables
from requests_builder.destinations import table as rows_of_table
from requests_builder.models import Batch, Row, SavedRequest, Table, WriteMode
from tests import factories
from tests.requests_builder.writing import Answers, ran, shown

pytestmark = pytest.mark.django_db(transaction=True)


def test_update_changes_what_has_changed_and_rewrites_nothing_else(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers([{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}, {"id": 3, "name": "Cid"}])
    assert ran(items, now).changes == {"inserted": 3, "updated": 0, "unchanged": 0, "duplicates": 0}
    untouched = set(Row.objects.values_list("pk", flat=True))

    answers([{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bea"}, {"id": 4, "name": "Dan"}])
    later = now + timedelta(hours=1)
    assert ran(items, later).changes == {"inserted": 1, "updated": 1, "unchanged": 1, "duplicates": 0}

    rows = shown(table)
    assert sorted(row["id"] for row in rows) == [1, 2, 3, 4]
    assert [row["name"] for row in rows if row["id"] == 2] == ["Bea"]
    assert len(set(Row.objects.values_list("pk", flat=True)) - untouched) == 2


def test_the_order_of_fields_is_no_change_and_another_type_is_one(
    answers: Answers, items: SavedRequest, now: datetime
) -> None:
    answers([{"id": 1, "a": 1, "b": 2}, {"id": 2, "a": 1, "b": 2}])
    ran(items, now)

    answers([{"b": 2, "a": 1, "id": 1}, {"id": 2, "a": "1", "b": 2}])

    changes = ran(items, now + timedelta(hours=1)).changes
    assert (changes["unchanged"], changes["updated"]) == (1, 1)


def test_of_records_with_one_key_the_last_counts_and_those_without_are_told(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers([{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"n": 3}, {"id": None, "n": 4}, {"id": "", "n": 5}])

    run = ran(items, now)

    assert run.changes == {"inserted": 1, "updated": 0, "unchanged": 0, "duplicates": 1, "without_key": 3}
    assert "3 records had no value in id, and became no rows." in run.stop_reason
    assert shown(table) == [{"id": 1, "n": 2}]


def test_append_with_a_key_leaves_out_what_is_there(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    items.write_mode = WriteMode.APPEND
    items.save()
    answers([{"id": 1, "n": 1}, {"id": 2, "n": 1}, {"id": 2, "n": 2}])
    assert ran(items, now).changes == {"inserted": 2, "duplicates": 1}

    answers([{"id": 2, "n": 3}, {"id": 3, "n": 3}])
    assert ran(items, now + timedelta(hours=1)).changes == {"inserted": 1, "duplicates": 1}

    assert shown(table) == [{"id": 1, "n": 1}, {"id": 2, "n": 1}, {"id": 3, "n": 3}]


def test_rows_of_another_request_with_the_same_keys_are_not_touched(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    other = factories.SavedRequestFactory(
        team=table.team, table=table, url=items.url, write_mode=WriteMode.UPDATE, key_fields=["id"]
    )
    answers([{"id": 1, "by": "one"}])
    ran(items, now)
    answers([{"id": 1, "by": "other"}])
    ran(other, now + timedelta(hours=1))

    assert shown(table) == [{"id": 1, "by": "one"}, {"id": 1, "by": "other"}]
    answers([{"id": 1, "by": "one again"}])
    ran(items, now + timedelta(hours=2))
    assert sorted(row["by"] for row in shown(table)) == ["one again", "other"]


def test_rows_from_before_there_was_a_key_are_told_apart_by_it_as_well(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    items.write_mode, items.key_fields = WriteMode.APPEND, []
    items.save()
    answers([{"id": 1, "n": 1}, {"id": 2, "n": 1}])
    ran(items, now)
    items.write_mode, items.key_fields = WriteMode.UPDATE, ["id"]
    items.save()

    answers([{"id": 2, "n": 2}])
    changes = ran(items, now + timedelta(hours=1)).changes

    assert (changes["inserted"], changes["updated"]) == (0, 1)
    assert shown(table) == [{"id": 1, "n": 1}, {"id": 2, "n": 2}]


def test_a_run_that_began_earlier_and_ends_later_changes_nothing_back(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    early = runs.request_run(items, user=None, now=now)
    begun = destinations.of(items)
    begun.begin(early)
    begun.write([{"id": 1, "n": "old"}, {"id": 2, "n": "old"}])
    late = factories.SavedRequestFactory(team=table.team).runs.create(
        team=table.team, trigger="manual", due_at=now, not_before=now
    )
    newer = destinations.of(items)
    newer.begin(late)
    newer.write([{"id": 1, "n": "new"}])
    for run, destination, count in ((late, newer, 1), (early, begun, 2)):
        with transaction.atomic():
            destinations.publish([destination.shipment(run, [], rows=count, is_complete=True)], now)

    assert sorted((row["id"], row["n"]) for row in shown(table)) == [(1, "new"), (2, "old")]


def test_who_reads_the_table_reads_one_state_of_it_to_the_end(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers([{"id": number, "n": 1} for number in range(3)])
    ran(items, now)
    reader = tables.records(table)

    answers([{"id": number, "n": 2} for number in range(3)])
    ran(items, now + timedelta(hours=1))

    assert [row["n"] for row in reader] == [1, 1, 1]
    assert [row["n"] for row in shown(table)] == [2, 2, 2]


def test_replaced_rows_are_removed_when_nobody_reads_them_any_more(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers([{"id": 1, "n": 1}])
    ran(items, now)
    later = now + timedelta(hours=1)
    answers([{"id": 1, "n": 2}])
    ran(items, later)

    rows_of_table.sweep(later + timedelta(minutes=9), 1000)
    assert Row.objects.count() == 2
    for minutes in (11, 12, 40):
        rows_of_table.sweep(later + timedelta(minutes=minutes), 1000)

    assert [row.data for row in Row.objects.all()] == [{"id": 1, "n": 2}]
    assert Batch.objects.count() == 1
    assert shown(table) == [{"id": 1, "n": 2}]
