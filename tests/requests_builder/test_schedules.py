"""When a schedule is due, in every zone, and what cannot be a schedule."""

import json
import time as clock
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_builder.schedules import (
    Cron,
    Daily,
    Hours,
    InvalidSchedule,
    Minutes,
    Monthly,
    ShortMonths,
    Weekday,
    Weekdays,
    Weekly,
    due_between,
    foretold,
    from_config,
    in_words,
    moment_of,
    newest_due,
    to_config,
    upcoming,
)

BERLIN = "Europe/Berlin"


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("rule", "moment", "due"),
    [
        (Minutes(5), "2026-01-01T10:02:30", "2026-01-01T10:07:30"),
        (Hours(2), "2026-01-01T23:00", "2026-01-02T01:00"),
        (Daily(time(6)), "2026-01-01T06:00", "2026-01-02T06:00"),
        (Daily(time(6)), "2026-01-01T05:59:59", "2026-01-01T06:00"),
        (Daily(time(6), timezone=BERLIN), "2026-01-01T00:00", "2026-01-01T05:00"),
        (Daily(time(6), timezone=BERLIN), "2026-07-01T00:00", "2026-07-01T04:00"),
        (Weekly((Weekday.MONDAY,), time(6), timezone=BERLIN), "2026-01-01T00:00", "2026-01-05T05:00"),
        (Weekdays(time(6)), "2026-01-02T06:00", "2026-01-05T06:00"),
        (Weekly((Weekday.FRIDAY, Weekday.MONDAY), time(6)), "2026-01-03T00:00", "2026-01-05T06:00"),
        (Weekly((Weekday.FRIDAY, Weekday.MONDAY), time(6)), "2026-01-05T06:00", "2026-01-09T06:00"),
        (Monthly(15, time(6)), "2026-01-15T06:00", "2026-02-15T06:00"),
        (Monthly(31, time(6)), "2026-01-31T06:00", "2026-02-28T06:00"),
        (Monthly(31, time(6)), "2026-02-28T06:00", "2026-03-31T06:00"),
        (Monthly(30, time(6)), "2028-01-30T06:00", "2028-02-29T06:00"),
        (Monthly(30, time(6)), "2028-02-29T06:00", "2028-03-30T06:00"),
        (Monthly(29, time(6)), "2026-01-29T06:00", "2026-02-28T06:00"),
        (Monthly(29, time(6)), "2028-01-29T06:00", "2028-02-29T06:00"),
        (Monthly(31, time(6), short_months=ShortMonths.SKIP), "2026-01-31T06:00", "2026-03-31T06:00"),
        (Monthly("last", time(6)), "2026-02-01T06:00", "2026-02-28T06:00"),
        (Daily(time(6), start=datetime(2026, 3, 1, 6)), "2026-01-01T00:00", "2026-03-01T06:00"),
        (Daily(time(6), start=datetime(2026, 3, 1, 6, 1)), "2026-01-01T00:00", "2026-03-02T06:00"),
        (Minutes(5, start=datetime(2026, 3, 1, 6, 1)), "2026-01-01T00:00", "2026-03-01T06:01"),
        (Minutes(5, start=datetime(2026, 3, 1, 6, 1)), "2026-03-01T06:08", "2026-03-01T06:11"),
        (
            Hours(2, timezone=BERLIN, start=datetime(2026, 3, 1, 6)),
            "2026-03-01T05:00",
            "2026-03-01T07:00",
        ),
        (Weekly((Weekday.SUNDAY,), time(23, 30)), "2026-01-04T23:30", "2026-01-11T23:30"),
        (Cron("0 6 * * 1-5", timezone=BERLIN), "2026-01-02T12:00", "2026-01-05T05:00"),
        (Cron("*/15 * * * *", timezone=BERLIN), "2026-01-02T12:00:01", "2026-01-02T12:15"),
        (Cron("0 0 29 2 *"), "2026-01-01T00:00", "2028-02-29T00:00"),
        (Cron("0 0 * 2 MON#5"), "2076-01-01T00:00", "2112-02-29T00:00"),
        (Cron("0 0 LW * *"), "2026-01-01T00:00", "2026-01-30T00:00"),
        (Cron("0 0 * * 7"), "2026-01-01T00:00", "2026-01-04T00:00"),
        (Cron("@daily", timezone=BERLIN), "2026-01-01T12:00", "2026-01-01T23:00"),
        (Cron("0 0 * * *"), "2038-01-19T03:14:08", "2038-01-20T00:00"),
    ],
)
def test_the_next_due_time(rule, moment, due):
    assert rule.next_after(at(moment)) == at(due)
    assert rule.next_after(at(moment)).tzinfo is UTC


def test_a_time_that_spring_skips_is_due_once_after_the_gap():
    due = upcoming(Daily(time(2, 30), timezone=BERLIN), at("2026-03-28T12:00", BERLIN), 2)
    assert due == [at("2026-03-29T03:00", BERLIN), at("2026-03-30T02:30", BERLIN)]


def test_a_time_that_autumn_repeats_is_due_once():
    due = upcoming(Daily(time(2, 30), timezone=BERLIN), at("2026-10-24T12:00", BERLIN), 2)
    assert due == [at("2026-10-25T02:30", BERLIN), at("2026-10-26T02:30", BERLIN)]


def test_a_moment_inside_the_repeated_hour_does_not_lead_into_the_past():
    # 01:15 UTC is the second 02:15 in Berlin; the first 02:30 has been.
    moment = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    assert Daily(time(2, 30), timezone=BERLIN).next_after(moment) == at("2026-10-26T02:30", BERLIN)


def test_quarters_of_an_hour_go_on_through_both_changes_without_doubles():
    for day, slots in (("2026-03-29", 92), ("2026-10-25", 100)):
        begin = at(f"{day}T00:00", BERLIN) - timedelta(seconds=1)
        due = upcoming(Cron("*/15 * * * *", timezone=BERLIN), begin, slots + 1)
        assert due[-1] == at(f"{day}T00:00", BERLIN).astimezone(ZoneInfo(BERLIN)) + timedelta(days=1)
        assert {later - sooner for sooner, later in pairwise(due)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns", "UTC"]
)
def test_a_daily_rule_is_due_on_every_day_of_ten_years(zone):
    due = upcoming(Daily(time(1, 45), timezone=zone), at("2026-01-01T00:00", zone), 3652)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in due]
    assert len(set(days)) == 3652
    assert days[-1] - days[0] == timedelta(days=3651)


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
WALLS = st.none() | st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
ENDS = st.none() | st.datetimes(datetime(2100, 1, 1), datetime(2199, 1, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
BOUNDS = st.fixed_dictionaries({"timezone": ZONES, "start": WALLS, "end": ENDS})
CRONS = st.sampled_from(
    ["0 6 * * 1-5", "*/7 * * * *", "30 2 * * *", "* 1-3 * * *", "0 0 29 2 *", "5,10 */4 L * *"]
)
DAYS = st.sets(st.sampled_from(Weekday), min_size=1).map(tuple)


def rules(bounds=BOUNDS):
    def build(make, *arguments, **more):
        return st.builds(
            lambda given, bounds, more: make(*given, **bounds, **more),
            st.tuples(*arguments),
            bounds,
            st.fixed_dictionaries(more),
        )

    return (
        build(Minutes, st.integers(1, 527_040))
        | build(Hours, st.integers(1, 8784))
        | build(Daily, TIMES)
        | build(Weekdays, TIMES)
        | build(Weekly, DAYS, TIMES)
        | build(
            Monthly, st.integers(1, 31) | st.just("last"), TIMES, short_months=st.sampled_from(ShortMonths)
        )
        | build(Cron, CRONS)
    )


RULES = rules()
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@settings(deadline=None)
@given(RULES, MOMENTS)
def test_the_next_due_time_is_always_later_and_the_first_there_is(rule, moment):
    first, second = upcoming(rule, moment, 2)
    assert moment < first < second
    if not isinstance(rule, Minutes | Hours):
        assert rule.next_after(first - timedelta(microseconds=1)) == first
    for due in (first, second):
        assert rule.start is None or due >= moment_of(rule.start, rule.timezone)


@settings(deadline=None)
@given(rules(st.fixed_dictionaries({"timezone": ZONES})), MOMENTS, st.integers(1, 30), st.integers(1, 40))
def test_what_has_piled_up_is_what_would_have_been_due(rule, moment, most, passed):
    first, *rest = upcoming(rule, moment, passed)
    now = rest[-1] if rest else first
    assert newest_due(rule, first, now, most) == [first, *rest][-most:]
    assert due_between(rule, first, first, now, 100) == [first, *rest]


@settings(deadline=None)
@given(RULES)
def test_a_rule_survives_its_mapping(rule):
    assert from_config(json.loads(json.dumps(to_config(rule)))) == rule
    assert in_words(rule)


@pytest.mark.parametrize(
    ("config", "rule", "words"),
    [
        ({"every": "5 minutes"}, Minutes(5), "Every 5 minutes"),
        ({"every": "1 minute"}, Minutes(1), "Every minute"),
        ({"every": "minute"}, Minutes(1), "Every minute"),
        ({"every": "90 min"}, Minutes(90), "Every 90 minutes"),
        ({"every": "2 hours"}, Hours(2), "Every 2 hours"),
        ({"every": " 1H "}, Hours(1), "Every hour"),
        (
            {"daily": "06:00", "timezone": BERLIN},
            Daily(time(6), timezone=BERLIN),
            "Daily at 06:00 (Europe/Berlin)",
        ),
        ({"daily": "6:05"}, Daily(time(6, 5)), "Daily at 06:05 (UTC)"),
        (
            {"weekly": "Monday", "at": "06:00", "timezone": BERLIN},
            Weekly((Weekday.MONDAY,), time(6), timezone=BERLIN),
            "Every Monday at 06:00 (Europe/Berlin)",
        ),
        (
            {"weekly": "fri", "at": "23:59"},
            Weekly((Weekday.FRIDAY,), time(23, 59)),
            "Every Friday at 23:59 (UTC)",
        ),
        (
            {"cron": " 0  6 * * mon-fri ", "timezone": BERLIN},
            Cron("0 6 * * mon-fri", timezone=BERLIN),
            "At 06:00 on Monday through Friday (Europe/Berlin)",
        ),
        ({"weekdays": "06:00"}, Weekdays(time(6)), "Monday to Friday at 06:00 (UTC)"),
        (
            {"weekly": ["thu", "Monday", "thursday"], "at": "06:00"},
            Weekly((Weekday.MONDAY, Weekday.THURSDAY), time(6)),
            "Every Monday and Thursday at 06:00 (UTC)",
        ),
        (
            {"weekly": ["mon", "tue", "sun"], "at": "06:00"},
            Weekly((Weekday.MONDAY, Weekday.TUESDAY, Weekday.SUNDAY), time(6)),
            "Every Monday, Tuesday and Sunday at 06:00 (UTC)",
        ),
        ({"monthly": 15, "at": "06:00"}, Monthly(15, time(6)), "Monthly on day 15 at 06:00 (UTC)"),
        (
            {"monthly": "Last", "at": "06:00"},
            Monthly("last", time(6)),
            "Monthly on the last day at 06:00 (UTC)",
        ),
        (
            {"monthly": "31", "at": "06:00"},
            Monthly(31, time(6)),
            "Monthly on day 31, or the last day of a shorter month, at 06:00 (UTC)",
        ),
        (
            {"monthly": 31, "at": "06:00", "short_months": "skip"},
            Monthly(31, time(6), short_months=ShortMonths.SKIP),
            "Monthly on day 31, only in months that have it, at 06:00 (UTC)",
        ),
        (
            {"daily": "06:00", "start": "2026-12-01", "end": "2026-12-24", "timezone": BERLIN},
            Daily(time(6), timezone=BERLIN, start=datetime(2026, 12, 1), end=datetime(2026, 12, 24, 23, 59)),
            "Daily at 06:00 (Europe/Berlin), from 1 Dec 2026, 00:00, until 24 Dec 2026, 23:59",
        ),
        (
            {"every": "2 hours", "start": "2026-12-01 06:30"},
            Hours(2, start=datetime(2026, 12, 1, 6, 30)),
            "Every 2 hours (UTC), from 1 Dec 2026, 06:30",
        ),
        ({"cron": "@Hourly"}, Cron("0 * * * *"), "At the start of every hour (UTC)"),
    ],
)
def test_a_mapping_becomes_a_rule_that_words_can_tell(config, rule, words):
    assert from_config(config) == rule
    assert in_words(rule) == words


@pytest.mark.parametrize(
    ("config", "field", "sentence"),
    [
        ({"every": "30 seconds"}, "every", "one minute"),
        ({"every": "0 minutes"}, "every", "one minute"),
        ({"every": "-5 minutes"}, "every", "a number and a unit"),
        ({"every": "5"}, "every", "a number and a unit"),
        ({"every": "² hours"}, "every", "a number and a unit"),
        ({"every": "2 days"}, "every", "24 hours"),
        ({"every": "9000 hours"}, "every", "366 days"),
        ({"every": "600000 minutes"}, "every", "366 days"),
        ({"every": 5}, "every", "must be text"),
        ({"daily": 960}, "daily", "quotes"),
        ({"daily": "24:00"}, "daily", "from 00:00 to 23:59"),
        ({"daily": "6am"}, "daily", "such as 06:00"),
        ({"weekly": "1", "at": "06:00"}, "weekly", "such as monday"),
        ({"weekly": 1, "at": "06:00"}, "weekly", "such as monday"),
        ({"weekly": [], "at": "06:00"}, "weekly", "one day of the week or more"),
        ({"weekly": ["monday", {}], "at": "06:00"}, "weekly", "such as monday"),
        ({"weekdays": 960}, "weekdays", "quotes"),
        ({"monthly": 0, "at": "06:00"}, "monthly", "from 1 to 31, or last"),
        ({"monthly": 32, "at": "06:00"}, "monthly", "from 1 to 31, or last"),
        ({"monthly": True, "at": "06:00"}, "monthly", "from 1 to 31, or last"),
        ({"monthly": -1, "at": "06:00"}, "monthly", "from 1 to 31, or last"),
        ({"monthly": {}, "at": "06:00"}, "monthly", "from 1 to 31, or last"),
        ({"monthly": 5}, "at", "such as 06:00"),
        ({"monthly": 31, "at": "06:00", "short_months": []}, "short_months", "last_day, skip"),
        ({"daily": "06:00", "start": "tomorrow"}, "start", "a day and a time"),
        ({"daily": "06:00", "start": 20261201}, "start", "a day and a time"),
        ({"daily": "06:00", "start": "2026-13-01"}, "start", "not in the calendar"),
        ({"daily": "06:00", "start": "2026-12-01T25:00"}, "start", "not in the calendar"),
        ({"daily": "06:00", "start": "0001-01-01"}, "start", "between 1970 and 2199"),
        ({"daily": "06:00", "end": datetime.max}, "end", "a day and a time"),
        ({"daily": "06:00", "start": "2026-12-02", "end": "2026-12-01"}, "end", "before the start"),
        ({"weekly": "monday"}, "at", "such as 06:00"),
        ({"weekly": "monday", "at": "06:60"}, "at", "from 00:00 to 23:59"),
        ({"daily": "06:00", "timezone": "../../etc/passwd"}, "timezone", "is not a time zone"),
        ({"daily": "06:00", "timezone": "/etc/passwd"}, "timezone", "is not a time zone"),
        ({"daily": "06:00", "timezone": "Etc/GMT+25"}, "timezone", "is not a time zone"),
        ({"daily": "06:00", "timezone": "Europe"}, "timezone", "is not a time zone"),
        ({"daily": "06:00", "timezone": ""}, "timezone", "is not a time zone"),
        ({"daily": "06:00", "timezone": "europe/berlin"}, "timezone", "Do you mean Europe/Berlin?"),
        ({"every": "5 minutes", "timezone": "x" * 9999}, "timezone", "is not a time zone"),
        (
            {"every": "5 minutes", "daily": "06:00"},
            "schedule",
            "exactly one of every, daily, weekdays, weekly, monthly",
        ),
        ({}, "schedule", "exactly one of"),
        ("5 minutes", "schedule", "mapping"),
        (
            {"daily": "06:00", "at": "07:00"},
            "schedule",
            "Unknown key at. A schedule with daily knows daily, timezone, start, end",
        ),
        ({"every": "5 minutes", "jitter": 3}, "schedule", "Unknown key jitter"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_at_its_field(config, field, sentence):
    with pytest.raises(InvalidSchedule) as caught:
        from_config(config)
    assert caught.value.field == field
    assert sentence in caught.value.sentence


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("61 * * * *", "“61” in the minute field: it takes 0 to 59"),
        ("* 24 * * *", "“24” in the hour field: it takes 0 to 23"),
        ("* * 0 * *", "“0” in the day of month field: it takes 1 to 31"),
        ("* * * 13 *", "“13” in the month field: it takes 1 to 12, JAN to DEC"),
        ("* * * * 8", "“8” in the day of week field: it takes 0 to 7, SUN to SAT"),
        ("1-61 * * * *", "“1-61” in the minute field"),
        ("0,61 * * * *", "“61” in the minute field"),
        ("5-1 * * * *", "runs backwards"),
        ("*/0 * * * *", "“*/0” in the minute field: after /"),
        ("*/ * * * *", "after /"),
        ("*/-1 * * * *", "after /"),
        ("-1 * * * *", "“-1” in the minute field"),
        ("1-2-3 * * * *", "“1-2-3” in the minute field"),
        ("1,,2 * * * *", "“” in the minute field"),
        ("² * * * *", "“²” in the minute field"),
        ("١ * * * *", "in the minute field"),
        ("L * * * *", "“L” in the minute field"),
        ("H * * * *", "“H” in the minute field"),
        ("* * ? * *", "“?” in the day of month field"),
        ("* * 15W * *", "“15W” in the day of month field"),
        ("* * 1#2 * *", "“1#2” in the day of month field"),
        ("* * * * 1#6", "“1#6” in the day of week field"),
        ("* * * FEBR *", "“FEBR” in the month field"),
        ("0 * * * * *", "seconds"),
        ("0 0 6 * * 1 2026", "seconds or a year"),
        ("* * * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("@reboot", "@reboot is not known here. Known are @yearly"),
        ("0 0 30 2 *", "never runs"),
        ("0 0 31 4,6,9,11 *", "never runs"),
        ("0 0 */31 2 MON#5", "never runs"),
        ("0 0 31 FEB */2", "never runs"),
        ("0,".ljust(199, "0") + "61 * * * *", "at most 200"),
        (",".join(["1"] * 2000) + " * * * *", "at most 200"),
    ],
)
def test_a_cron_line_that_cannot_be_kept_is_refused_at_once_and_says_why(expression, sentence):
    Daily(time(6), timezone=BERLIN)  # reads the list of zones once, as a running process has
    begun = clock.process_time()
    with pytest.raises(InvalidSchedule) as caught:
        Cron(expression, timezone=BERLIN)
    assert clock.process_time() - begun < 0.05
    assert caught.value.field == "cron"
    assert sentence in caught.value.sentence


TERMS = st.text(st.sampled_from("0123456789*/-,L#W?MONFEB@ "), max_size=25)


@settings(max_examples=300, deadline=None)
@given(
    TERMS
    | st.tuples(*[st.sampled_from(["*", "0", "*/7", "1-5", "31", "L", "LW", "5L", "2#5", "FEB"])] * 5).map(
        " ".join
    )
)
def test_any_text_is_a_rule_with_a_next_time_or_refused(expression):
    try:
        rule = Cron(expression, timezone=BERLIN)
    except InvalidSchedule:
        return
    assert rule.next_after(at("2026-01-01T00:00")) > at("2026-01-01T00:00")
    assert in_words(rule)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Minutes(0),
        lambda: Hours(0),
        lambda: Daily(time(6, 0, 30)),
        lambda: Daily(time(6, tzinfo=UTC)),
        lambda: Weekly((Weekday.MONDAY,), time(6), timezone="Mars/Base"),
        lambda: Weekly((), time(6)),
        lambda: Monthly(0, time(6)),
        lambda: Daily(time(6), start=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_rule_that_breaks_the_rules_cannot_be_made(make):
    with pytest.raises(InvalidSchedule):
        make()


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        Minutes(5).next_after(datetime(2026, 1, 1))


def test_days_of_yaml_are_read_as_they_are_written():
    start, end = datetime(2026, 12, 1).date(), datetime(2026, 12, 24, 5, 0, tzinfo=UTC)
    rule = from_config({"daily": "06:00", "timezone": BERLIN, "start": start, "end": end})
    assert (rule.start, rule.end) == (datetime(2026, 12, 1), datetime(2026, 12, 24, 6, 0))


def test_the_end_is_the_last_minute_in_which_something_is_due():
    rule = Daily(time(6), timezone=BERLIN, end=datetime(2026, 12, 2, 6, 0))
    assert upcoming(rule, at("2026-12-01T00:00", BERLIN), 9) == [
        at("2026-12-01T06:00", BERLIN),
        at("2026-12-02T06:00", BERLIN),
    ]
    assert rule.next_after(at("2099-01-01T00:00")) is None
    assert foretold(rule, None, 3) == []


def test_an_interval_ends_within_the_minute_of_its_end():
    rule = Minutes(1, end=datetime(2026, 12, 1, 6, 2))
    first = at("2026-12-01T06:00:37")
    assert [due.minute for due in upcoming(rule, first, 9)] == [1, 2]
    assert newest_due(rule, first, at("2026-12-05T00:00"), 9) == [first, *upcoming(rule, first, 9)]


def test_a_start_in_the_skipped_hour_is_the_first_minute_after_it():
    rule = Minutes(30, timezone=BERLIN, start=datetime(2026, 3, 29, 2, 10))
    assert rule.next_after(at("2026-01-01T00:00")) == at("2026-03-29T03:00", BERLIN)


def test_intervals_of_the_past_are_counted_backwards_from_a_known_due_time():
    known = at("2026-12-01T06:03:30")
    begin, end = at("2026-12-01T05:00"), at("2026-12-01T05:20")
    assert due_between(Minutes(7), known, begin, end, 9) == [
        known - timedelta(minutes=minutes) for minutes in (63, 56, 49)
    ]
    assert due_between(Minutes(7), known, begin, end, 2) == [
        known - timedelta(minutes=minutes) for minutes in (63, 56)
    ]
    assert due_between(Minutes(7), known, known, known, 2) == [known]


@pytest.mark.parametrize(
    ("rule", "begin", "notes"),
    [
        (
            Daily(time(2, 30), timezone=BERLIN),
            "2026-03-28T00:00",
            ["", "The clocks go forward and skip 02:30 on this day: it runs right after.", ""],
        ),
        (
            Daily(time(2, 30), timezone=BERLIN),
            "2026-10-24T00:00",
            ["", "The clocks go back and 02:30 comes twice on this day: it runs once, the first time.", ""],
        ),
        (
            Cron("15 * * * *", timezone=BERLIN),
            "2026-10-25T01:00",
            [
                "",
                "The clocks go back and 02:15 comes twice on this day: it runs both times.",
                "The clocks have gone back: this is the second 02:15 of the day.",
                "",
            ],
        ),
        (
            Cron("30 2 * * *", timezone=BERLIN),
            "2026-03-29T00:00",
            ["The clocks go forward and skip its time on this day: it runs right after.", ""],
        ),
        (
            Hours(24, timezone=BERLIN, start=datetime(2026, 3, 28, 6)),
            "2026-03-01T00:00",
            ["", "The clocks change before this one: 1 hour later on them.", ""],
        ),
        (
            Hours(12, timezone="Australia/Lord_Howe", start=datetime(2026, 4, 4, 20)),
            "2026-03-01T00:00",
            ["", "The clocks change before this one: 30 minutes earlier on them.", ""],
        ),
        (Daily(time(6), timezone=BERLIN), "2026-03-28T00:00", ["", "", ""]),
    ],
)
def test_a_clock_change_is_told_where_it_moves_or_doubles_a_time(rule, begin, notes):
    told = foretold(rule, rule.next_after(at(begin, BERLIN)), len(notes))
    assert [due.note for due in told] == notes
    clocks = ZoneInfo(rule.timezone)
    assert [due.wall for due in told] == [due.at.astimezone(clocks).replace(tzinfo=None) for due in told]
