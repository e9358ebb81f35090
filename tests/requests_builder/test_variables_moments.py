"""Dates in a request: from where they are counted, how far, and how they are written."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from requests_builder.rendering import InvalidRequest, RequestTemplate
from requests_builder.variables import Known, fill, names_in

# A Monday.
NOW = datetime(2026, 11, 23, 12, 34, 56, 789000, tzinfo=UTC)


def written(expression: str, now: datetime = NOW, timezone: str = "UTC", **last_run: str | datetime) -> str:
    template = RequestTemplate("GET", "https://a.example/", headers=(("X", f"{{{{ {expression} }}}}"),))
    return fill(template, Known(now, timezone=timezone, last_run=last_run)).template.headers[0][1]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("now", "2026-11-23T12:34:56Z"),
        ("today", "2026-11-23"),
        ("yesterday", "2026-11-22"),
        ("tomorrow", "2026-11-24"),
        ("today - 7 days | date", "2026-11-16"),
        ("today-7 days", "2026-11-16"),
        ("now - 2 hours | iso", "2026-11-23T10:34:56Z"),
        ("now-90 minutes", "2026-11-23T11:04:56Z"),
        ("today | iso", "2026-11-23T00:00:00Z"),
        ("today - 1 hour", "2026-11-22T23:00:00Z"),
        ('today | date:"%d.%m.%Y"', "23.11.2026"),
        ("today | date:'%d.%m.%Y'", "23.11.2026"),
        ("today | date:%Y%m%d", "20261123"),
        (r"today | date:\"%d/%m/%Y %H:%M\"", "23/11/2026 00:00"),
        ("now | unix", "1795437296"),
        ("now | unix_ms", "1795437296789"),
        ("today + 1 week", "2026-11-30"),
        ("today - 1 month", "2026-10-23"),
        ("today + 1 year - 1 day", "2027-11-22"),
        ("start of week", "2026-11-23"),
        ("start of last week", "2026-11-16"),
        ("start of month", "2026-11-01"),
        ("start of this month", "2026-11-01"),
        ("start of last month", "2026-10-01"),
        ("start of next month", "2026-12-01"),
        ("start of month - 1 day", "2026-10-31"),
        ("start of quarter", "2026-10-01"),
        ("start of last quarter", "2026-07-01"),
        ("start of year", "2026-01-01"),
        ("start of last year", "2025-01-01"),
        ("start of day", "2026-11-23"),
        ("start of hour", "2026-11-23T12:00:00Z"),
        ("start of last hour | unix", "1795431600"),
    ],
)
def test_a_date_is_what_its_words_say(expression: str, expected: str) -> None:
    assert written(expression) == expected


@pytest.mark.parametrize(
    ("day", "expression", "expected"),
    [
        ("2026-03-31", "today - 1 month", "2026-02-28"),
        ("2028-03-31", "today - 1 month", "2028-02-29"),
        ("2028-02-29", "today + 1 year", "2029-02-28"),
        ("2026-01-15", "start of last month", "2025-12-01"),
        ("2026-01-15", "start of last quarter", "2025-10-01"),
        ("2026-11-29", "start of week", "2026-11-23"),
    ],
)
def test_months_end_where_they_end(day: str, expression: str, expected: str) -> None:
    assert written(expression, datetime.fromisoformat(f"{day}T10:00:00+00:00")) == expected


def test_days_are_those_of_the_time_zone() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)

    assert written("today", late, "Europe/Berlin") == "2026-11-24"
    assert written("today", late, "America/New_York") == "2026-11-23"
    assert written("today | iso", late, "Europe/Berlin") == "2026-11-24T00:00:00+01:00"
    assert written("start of month | unix", late, "Europe/Berlin") == "1793487600"


def test_a_day_is_a_day_and_an_hour_an_hour_when_the_clocks_change() -> None:
    # In the night to the 29th of March 2026 Berlin goes from 02:00 to 03:00.
    noon = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)

    assert written("now - 1 day", noon, "Europe/Berlin") == "2026-03-28T12:00:00+01:00"
    assert written("now - 24 hours", noon, "Europe/Berlin") == "2026-03-28T11:00:00+01:00"
    skipped = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    assert written("now + 1 day", skipped, "Europe/Berlin") == "2026-03-29T03:30:00+02:00"
    # The hour that autumn repeats.
    again = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert written("start of hour", again, "Europe/Berlin") == "2026-10-25T02:00:00+01:00"
    # A midnight that is skipped: Beirut, 29 March 2026.
    assert written("today | iso", noon, "Asia/Beirut") == "2026-03-29T01:00:00+03:00"


@pytest.mark.parametrize("shift", ["- 9000 years", "+ 8000 years", "- 999999 days", "- 2500 years"])
def test_what_leads_out_of_the_calendar_is_refused(shift: str) -> None:
    with pytest.raises(InvalidRequest, match="leads out of the calendar"):
        written(f"today {shift}")


def test_a_time_zone_that_is_none_is_named_where_it_matters() -> None:
    with pytest.raises(InvalidRequest, match="the variable timezone names none"):
        written("today", timezone="../../etc/passwd")


def test_values_that_are_dates_can_be_shifted_and_written() -> None:
    finished = datetime(2026, 11, 22, 6, 0, 1, tzinfo=UTC)

    assert written("last_run.finished_at", finished_at=finished) == "2026-11-22T06:00:01Z"
    assert written("last_run.finished_at-1 hour | unix", finished_at=finished) == "1795323601"
    assert written("last_run.w - 1 day", w="2026-11-22") == "2026-11-21"
    assert written("last_run.w - 1 hour", w="2026-11-22T06:00:00+02:00") == "2026-11-22T03:00:00Z"
    assert written("last_run.w", w="cursor-17") == "cursor-17"
    with pytest.raises(InvalidRequest, match=r"is no date, because last_run\.w is not one"):
        written("last_run.w | date", w="cursor-17")


def test_without_a_last_run_it_is_said_how_to_begin() -> None:
    with pytest.raises(InvalidRequest, match="or today - 30 days"):
        written("last_run.due_at")


def test_dates_are_known_by_their_names() -> None:
    template = RequestTemplate("GET", "https://a.example/{{ a }}?d={{ today }}&l={{ last_run.w or b }}")

    assert names_in(template) == {"a", "b", "now", "last_run.w", "timezone"}
    assert names_in(replace(template, url="https://a.example/{{ a }}")) == {"a"}
