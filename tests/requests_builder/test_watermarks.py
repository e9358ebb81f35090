"""The newest value so far: compared by what it means, sent back as it came."""

from datetime import timedelta
from typing import Any

import pytest

from requests_builder import watermarks
from requests_builder.watermarks import Kind, Progress, Value

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2025-08-01T10:30:00Z", "2025-08-01T12:29:00+01:00"),
        ("2025-08-01T10:30:00", "2025-08-01 10:30:00.5"),
        ("2025-08-01T10:30:00.123456788Z", "2025-08-01T10:30:00.123456789Z"),
        ("2025-08-01", "2025-08-01T00:00:01Z"),
        ("Fri, 01 Aug 2025 10:30:00 GMT", "Fri, 1 Aug 2025 10:30:00 -0100"),
        ("Thu, 31 Jul 2025 10:30:00 GMT", "2025-08-01"),
        (999, 1_000),
        ("999", "1000"),
        (1_754_044_200, 1_754_044_200.5),
        (2**64, 2**64 + 1),
        ("a-9", "b-1"),
        ("2025-W09", "2025-W10"),
    ],
)
def test_of_two_values_the_newer_one_is_known(older: Value, newer: Value) -> None:
    first, second = watermarks.mark_of(older), watermarks.mark_of(newer)
    assert first
    assert second
    assert second.is_newer_than(first)
    assert not first.is_newer_than(second)


@pytest.mark.parametrize(
    "value", [None, True, False, "", "  ", [], {}, float("nan"), float("inf"), "x" * 201]
)
def test_what_has_no_order_is_no_mark(value: Any) -> None:
    assert watermarks.mark_of(value) is None


@pytest.mark.parametrize(
    ("value", "by", "expected"),
    [
        ("2025-08-01T10:30:00", HOUR, "2025-08-01T09:30:00"),
        ("2025-08-01T00:30:00.123456789+02:00", HOUR, "2025-07-31T23:30:00.123456789+02:00"),
        ("2025-08-01 10:30 UTC", HOUR, "2025-08-01 09:30 UTC"),
        ("2025-03-01t00:00:00z", timedelta(days=1), "2025-02-28t00:00:00z"),
        ("2025-08-01", HOUR, "2025-07-31"),
        ("Fri, 01 Aug 2025 00:30:00 GMT", HOUR, "Thu, 31 Jul 2025 23:30:00 GMT"),
        ("1 Aug 2025 10:30:00 -0200", HOUR, "1 Aug 2025 09:30:00 -0200"),
        (1_754_044_200, HOUR, 1_754_040_600),
        ("1754044200", HOUR, "1754040600"),
        (1_754_044_200_123, HOUR, 1_754_040_600_123),
        (1_754_044_200.25, HOUR, 1_754_040_600.25),
        ("/Date(1754044200123+0200)/", HOUR, "/Date(1754040600123+0200)/"),
        ("0001-01-01", HOUR, "0001-01-01"),
        (42, HOUR, 42),
        ("v1.2", HOUR, "v1.2"),
    ],
)
def test_a_look_back_keeps_the_form_of_the_value(value: Value, by: timedelta, expected: Value) -> None:
    found = watermarks.earlier(value, by)
    assert (found, type(found)) == (expected, type(expected))


def test_only_a_time_can_be_looked_back_from() -> None:
    times = ["2025-08-01", "Fri, 01 Aug 2025 00:30:00 GMT", 1_754_044_200, "1754044200123"]
    assert all(map(watermarks.is_time, times))
    assert not any(map(watermarks.is_time, [42, "42", "v1.2", 10**20]))


def records(*values: Any) -> list[dict[str, Any]]:
    return [{"meta": {"at": value}} for value in values]


def test_a_page_is_divided_into_what_is_new_what_may_be_there_and_what_is_older() -> None:
    progress = Progress("meta.at", look_back=HOUR, start="2025-08-01T10:00:00Z")
    page = records(
        "2025-08-01T08:59:59Z", "2025-08-01T09:00:00Z", "2025-08-01T10:00:00Z", "2025-08-01T10:00:01Z"
    )

    after, taken = progress.after(page)

    assert list(taken.new) == page[3:]
    assert list(taken.perhaps_known) == page[1:3]
    assert (after.older, after.undated) == (1, 0)
    assert after.reached == "2025-08-01T10:00:01Z"
    assert progress.wanted_from == "2025-08-01T09:00:00Z"


def test_at_the_first_run_everything_is_taken_and_nothing_asked_for() -> None:
    progress = Progress("meta.at")
    after, taken = progress.after(records(3, 1, 2))
    assert (len(taken.perhaps_known), len(taken.new)) == (3, 0)
    assert (progress.wanted_from, after.reached) == (None, 3)


def test_records_without_a_value_or_with_one_of_another_kind_are_taken_and_counted() -> None:
    page = [*records("2025-08-01", None, 7, "soon"), {}, {"meta": "text"}, {"meta": None}]
    after, taken = Progress("meta.at", start="2025-07-01").after(page)
    assert (len(taken.new), len(taken.perhaps_known)) == (1, 6)
    assert after.undated == 6
    assert after.reached == "2025-08-01"


def test_a_path_that_computes_is_used_and_one_that_fails_on_a_record_has_no_value() -> None:
    progress = Progress("max([created, updated])")
    after, taken = progress.after([{"created": 1, "updated": 2}, {"created": 1, "updated": "x"}])
    assert (after.reached, after.undated, len(taken.perhaps_known)) == (2, 1, 2)


def test_update_takes_older_records_too() -> None:
    after, taken = Progress("meta.at", start=5, leaves_out=False).after(records(1, 5, 9))
    assert (after.older, len(taken.new), len(taken.perhaps_known)) == (0, 1, 2)


def test_a_run_that_goes_on_knows_where_it_began_and_how_far_it_had_come() -> None:
    begun = Progress("meta.at", start=5, seen=5)
    after, _ = begun.after(records(1, 7, None))

    resumed = Progress("meta.at", start=99, seen=99).with_stored(after.to_json())

    assert resumed == after
    assert (resumed.start, resumed.reached, resumed.older, resumed.undated) == (5, 7, 1, 1)
    assert resumed.anew() == begun


def test_marks_of_one_field_have_one_kind() -> None:
    kinds = {
        watermarks.mark_of("2025-08-01"): Kind.MOMENT,
        watermarks.mark_of("12"): Kind.NUMBER,
        watermarks.mark_of("x"): Kind.TEXT,
    }
    assert all(mark and mark.kind == kind for mark, kind in kinds.items())
