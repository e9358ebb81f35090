"""Large tables in the order of a column: keys made in the background, and what becomes of them."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from requests_builder import tables
from requests_builder.destinations.writing import insert
from requests_builder.models import Batch, Row, SortedBatch, Sorting, SortKey, Table
from requests_builder.tables import EVERYTHING, Selection, sorting
from requests_builder.tables.pages import SORTED_AT_ONCE
from tests import factories

pytestmark = pytest.mark.django_db

MANY = SORTED_AT_ONCE + 2_500
BY_N = Selection(sort="n")
DOWN = Selection(sort="n", is_descending=True)
ALL = 10**9


@pytest.fixture
def table(db: None) -> Table:
    return factories.TableFactory(columns=["n", "t"], column_types={"n": "integer", "t": "text"})


def publish(table: Table, values: list[Any], now: datetime) -> Batch:
    """A pull of these values, seen with the table's next publication."""
    made = Batch.objects.create(
        table=table,
        published_at=now,
        columns=["n", "t"],
        column_types=table.column_types,
        rows_count=len(values),
    )
    insert(made.pk, [{"n": value, "t": f"text {number}"} for number, value in enumerate(values)])
    table.publication += 1
    table.save()
    return made


def mixed(count: int) -> list[int]:
    """Numbers in no order; each comes some times."""
    return [number * 7_919 % (count // 3) for number in range(count)]


def pages(table: Table, selection: Selection, now: datetime, limit: int = 4_000) -> Iterator[list[Any]]:
    cursor = None
    while True:
        page = tables.rows_page(table, selection, after=cursor, limit=limit, now=now)
        yield [row.data["n"] for row in page.rows]
        cursor = page.next
        if cursor is None:
            return


def shown(table: Table, selection: Selection, now: datetime) -> list[Any]:
    return [value for page in pages(table, selection, now) for value in page]


def test_a_small_table_is_sorted_at_once(table: Table, now: datetime) -> None:
    publish(table, [3, None, 1, 2], now)

    assert shown(table, BY_N, now) == [1, 2, 3, None]
    assert shown(table, DOWN, now) == [3, 2, 1, None]
    assert not Sorting.objects.exists()


def test_a_large_table_is_sorted_in_the_background_with_progress(table: Table, now: datetime) -> None:
    values = mixed(MANY)
    publish(table, values, now)

    asked = tables.rows_page(table, BY_N, now=now)
    assert (asked.is_being_sorted, asked.sorted_rows, asked.rows) == (True, 0, [])

    sorting.work(now, 5_000)
    half = tables.rows_page(table, BY_N, now=now)
    assert (half.is_being_sorted, half.sorted_rows) == (True, 6_000)

    sorting.work(now, ALL)
    assert tables.rows_page(table, BY_N, now=now).sorted_rows is None
    assert shown(table, BY_N, now) == sorted(values)
    assert shown(table, DOWN, now) == sorted(values, reverse=True)


def test_equal_values_stand_in_the_order_of_the_table_and_back_is_the_way_there(
    table: Table, now: datetime
) -> None:
    publish(table, [5] * (MANY // 2), now)
    publish(table, [5] * (MANY // 2), now)
    tables.rows_page(table, DOWN, now=now)
    sorting.work(now, ALL)

    first = tables.rows_page(table, DOWN, now=now)
    second = tables.rows_page(table, DOWN, after=first.next, now=now)
    back = tables.rows_page(table, DOWN, before=second.previous, now=now)

    ids = list(Row.objects.order_by("batch_id", "id").values_list("pk", flat=True)[:100])
    assert [row.id for row in [*first.rows, *second.rows]] == ids
    assert back.rows == first.rows
    assert back.previous is None


def test_a_page_deep_in_a_sorted_table_costs_as_few_queries_as_the_first(table: Table, now: datetime) -> None:
    publish(table, mixed(MANY), now)
    tables.rows_page(table, DOWN, now=now)
    sorting.work(now, ALL)

    cursor = None
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            page = tables.rows_page(table, DOWN, after=cursor, now=now)
        assert len(page.rows) == 50
        assert len(queries) <= 8, [query["sql"] for query in queries]
        assert not any("OFFSET" in query["sql"] or "COUNT" in query["sql"] for query in queries)
        cursor = page.next


def test_a_worker_that_dies_at_any_point_leaves_nothing_wrong(table: Table, now: datetime) -> None:
    values = mixed(MANY)
    publish(table, values[: MANY // 2], now)
    for number in range(MANY // 2, MANY, 700):
        publish(table, values[number : number + 700], now)
    tables.rows_page(table, BY_N, now=now)
    # Killed at another statement each time; what it was a part of is undone.
    killed = 0
    for last in itertools.count(3, 3):
        try:
            with connection.execute_wrapper(KilledAfter(last)):
                sorting.work(now, ALL)
            break
        except Killed:
            killed += 1
            now += timedelta(minutes=3)  # the lease of the dead

    assert killed > 5
    assert SortKey.objects.count() == MANY
    assert shown(table, BY_N, now) == sorted(values)


class Killed(Exception):
    pass


class KilledAfter:
    """Lets some statements through."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.left -= 1
        if self.left < 0 and not sql.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE")):
            raise Killed
        return execute(sql, params, many, context)


def test_of_two_workers_one_works(table: Table, now: datetime) -> None:
    publish(table, mixed(MANY), now)
    wanted = sorting.wanted(table, "n", now)

    assert wanted.lease(now, now + timedelta(minutes=2))
    assert sorting.work(now, ALL) == 0
    assert sorting.work(now + timedelta(minutes=2), ALL) == MANY


def test_rows_of_later_runs_are_sorted_in(table: Table, now: datetime) -> None:
    values = mixed(MANY)
    publish(table, values, now)
    tables.rows_page(table, BY_N, now=now)
    sorting.work(now, ALL)

    publish(table, [-1, 10**6], now)
    page = tables.rows_page(table, BY_N, now=now)
    assert (page.is_being_sorted, page.sorted_rows, len(page.rows)) == (False, MANY, 50)
    with pytest.raises(tables.NotSortedYet):
        tables.whole(table, BY_N, now)

    assert sorting.work(now, ALL) == 2
    assert shown(table, BY_N, now) == sorted([*values, -1, 10**6])
    assert [record["n"] for record in tables.whole(table, BY_N, now).records] == sorted([*values, -1, 10**6])


def test_rows_that_went_are_not_shown_and_their_keys_go_with_them(table: Table, now: datetime) -> None:
    old = publish(table, mixed(MANY), now)
    tables.rows_page(table, BY_N, now=now)
    sorting.work(now, ALL)
    new = publish(table, list(range(MANY)), now)
    Batch.objects.filter(pk=old.pk).update(superseded_at=now)

    assert tables.rows_page(table, BY_N, now=now).is_being_sorted
    sorting.work(now, ALL)
    assert shown(table, BY_N, now) == list(range(MANY))

    Row.objects.filter(batch=old).delete()
    old.delete()
    Row.objects.filter(batch=new).update(superseded_in=0)
    gone = list(Row.objects.filter(batch=new).order_by("id").values_list("pk", flat=True)[:10])
    Row.objects.filter(pk__in=gone).delete()
    Batch.objects.filter(pk=new.pk).update(rows_count=MANY - 10)

    assert sorting.sweep(now, 5_000) >= 5_000
    sorting.sweep(now, ALL)
    assert SortKey.objects.count() == MANY - 10
    assert SortedBatch.objects.get().keys == MANY - 10
    assert sorting.sweep(now, ALL) == 0
    assert shown(table, BY_N, now) == list(range(10, MANY))


def test_a_sorting_that_nobody_uses_is_dropped_after_a_month(table: Table, now: datetime) -> None:
    publish(table, mixed(MANY), now)
    for selection in (BY_N, Selection(sort="t")):
        tables.rows_page(table, selection, now=now)
    sorting.work(now, ALL)
    later = now + timedelta(days=29)
    tables.rows_page(table, BY_N, now=later)

    sorting.sweep(now + timedelta(days=31), ALL)

    assert [one.column for one in Sorting.objects.all()] == ["n"]
    assert SortKey.objects.count() == MANY


def test_a_column_of_another_type_is_sorted_anew(table: Table, now: datetime) -> None:
    publish(table, mixed(MANY), now)
    tables.rows_page(table, BY_N, now=now)
    sorting.work(now, ALL)

    table.column_types = {"n": "text", "t": "text"}
    publish(table, ["x"], now)
    assert tables.rows_page(table, BY_N, now=now).is_being_sorted
    sorting.work(now, ALL)
    sorting.sweep(now, ALL)

    found = shown(table, BY_N, now)
    assert found[:3] == [0, 0, 0]
    assert found[-1] == "x"
    assert [str(value) for value in found] == sorted(str(value) for value in found)
    assert Sorting.objects.count() == 1


def test_a_table_goes_with_all_of_its_keys(table: Table, now: datetime) -> None:
    publish(table, mixed(MANY), now)
    tables.rows_page(table, BY_N, now=now)
    sorting.work(now, ALL)

    sorting.remove_table(table)

    assert not SortKey.objects.exists()
    assert not SortedBatch.objects.exists()


def test_no_more_than_a_dozen_sortings_are_kept_of_a_table(table: Table, now: datetime) -> None:
    for number in range(sorting.MOST_OF_A_TABLE + 3):
        sorting.wanted(table, f"column {number}", now + timedelta(seconds=number))

    kept = {one.column for one in Sorting.objects.usable()}
    assert kept == {f"column {number}" for number in range(3, sorting.MOST_OF_A_TABLE + 3)}


# Searching


def test_a_search_looks_at_some_rows_at_a_time_and_goes_on_from_there(table: Table, now: datetime) -> None:
    publish(table, list(range(5_000)), now)
    narrow = Selection(search="text 4321")

    first = tables.rows_page(table, narrow, looked_at_once=2_000)
    second = tables.rows_page(table, narrow, after=first.more, looked_at_once=2_000)
    third = tables.rows_page(table, narrow, after=second.more, looked_at_once=2_000)

    assert [(len(page.rows), page.looked) for page in (first, second, third)] == [
        (0, 2_000),
        (0, 2_000),
        (1, 1_000),
    ]
    assert third.more is None


def test_a_search_reads_no_more_rows_than_it_may(table: Table, now: datetime) -> None:
    publish(table, list(range(5_000)), now)

    with CaptureQueriesContext(connection) as queries:
        tables.rows_page(table, Selection(search="nowhere"), looked_at_once=2_000)

    assert len(queries) <= 8


def test_found_rows_come_in_the_order_that_was_chosen_and_pages_go_both_ways(
    table: Table, now: datetime
) -> None:
    publish(table, [number % 10 for number in range(3_000)], now)
    query = {"column": ["n"], "op": ["greater"], "value": ["6"], "sort": ["n"], "desc": ["1"]}
    selection = tables.from_query(query)

    first = tables.rows_page(table, selection, limit=200, now=now)
    second = tables.rows_page(table, selection, after=first.next, limit=200, now=now)
    back = tables.rows_page(table, selection, before=second.previous, limit=200, now=now)

    assert [row.data["n"] for row in [*first.rows, *second.rows]] == [9] * 300 + [8] * 100
    assert back.rows == first.rows
    whole = [record["n"] for record in tables.whole(table, selection, now).records]
    assert whole == [9] * 300 + [8] * 300 + [7] * 300


@pytest.mark.parametrize("cursor", ["x", "AAAA", "AQ==", "_" * 4_000, "1.1", "é"])
def test_a_cursor_that_nobody_gave_is_the_first_page(table: Table, now: datetime, cursor: str) -> None:
    publish(table, [2, 1, 3], now)
    assert [row.data["n"] for row in tables.rows_page(table, BY_N, after=cursor, now=now).rows] == [1, 2, 3]


def test_a_column_that_is_gone_is_no_order(table: Table, now: datetime) -> None:
    publish(table, [2, 1, 3], now)
    assert shown(table, Selection(sort="gone"), now) == [2, 1, 3]
    assert shown(table, EVERYTHING, now) == [2, 1, 3]


@pytest.mark.postgres_lane
@pytest.mark.django_db(transaction=True)
def test_a_page_of_many_new_keys_goes_along_their_index(
    table: Table, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "COUNTED_FROM", MANY)
    publish(table, mixed(MANY), now)
    tables.rows_page(table, BY_N, now=now)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE requests_builder_sortkey")
        cursor.execute("ANALYZE requests_builder_sortkey")

    assert sorting.work(now, ALL) == MANY

    key = bytes(SortKey.objects.order_by("key").values_list("key", flat=True)[MANY // 2])
    following = SortKey.objects.filter(sorting=Sorting.objects.get(), key__gt=key).order_by("key")[:50]
    plan = following.explain()
    assert "Index" in plan
    assert "Sort" not in plan
