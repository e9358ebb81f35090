"""What answers say about how many requests an API takes."""

from datetime import UTC, datetime, timedelta

import pytest

from requests_builder import limits
from requests_builder.limits import Policy

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def read(status: int, **headers: str) -> limits.Allowance:
    return limits.read(status, [(name.replace("_", "-"), value) for name, value in headers.items()], NOW)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        # Retry-After, in seconds, with a fraction (Shopify), as a date in its three forms.
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": "2.0"}, 2),
        ({"Retry_After": "Mon, 23 Nov 2026 12:05:00 GMT"}, 300),
        ({"Retry_After": "Monday, 23-Nov-26 12:05:00 GMT"}, 300),
        ({"Retry_After": "Mon Nov 23 12:05:00 2026"}, 300),
        ({"Retry_After": "Mon, 23 Nov 2020 12:05:00 GMT"}, 0),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "9" * 400}, None),
        ({"Retry_After": "99999999999"}, 366 * 86400),
        # Many say a moment, many the time until then, Zoho and Linear milliseconds.
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(EPOCH + 90)}, 90),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "90"}, 90),
        ({"X_RateLimit_Requests_Remaining": "0", "X_RateLimit_Requests_Reset": f"{EPOCH + 90}000"}, 90),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": str(EPOCH + 90)}, 90),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "2026-11-23T12:01:30Z"}, 90),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(EPOCH - 90)}, 0),
        # Discord; OpenAI; Reddit with fractions.
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset_After": "1.5"}, 1.5),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1m30s"}, 90),
        ({"x_ratelimit_remaining": "0.0", "x_ratelimit_reset": "90"}, 90),
        # Only the kind that is used up counts.
        (
            {
                "X_RateLimit_Remaining_Minute": "0",
                "X_RateLimit_Remaining_Day": "90",
                "X_RateLimit_Limit_Day": "100",
            },
            60,
        ),
        # The drafts of the IETF, the newest first.
        ({"RateLimit": '"default";r=0;t=30', "RateLimit_Policy": '"default";q=100;w=60'}, 30),
        ({"RateLimit": '"burst";r=5;t=1, "daily";r=0;t=600'}, 600),
        ({"RateLimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"RateLimit_Remaining": "0", "RateLimit_Reset": "30", "RateLimit_Limit": "100, 100;w=60"}, 30),
        # HubSpot says how long its window is, Shopify how full its bucket is.
        (
            {
                "X_HubSpot_RateLimit_Remaining": "0",
                "X_HubSpot_RateLimit_Max": "100",
                "X_HubSpot_RateLimit_Interval_Milliseconds": "10000",
            },
            10,
        ),
        ({"X_Shopify_Shop_Api_Call_Limit": "40/40"}, 1),
        ({"X_RateLimit_Reset": "30"}, 30),
        ({}, None),
    ],
)
def test_a_refusal_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    allowance = read(429, **headers)
    assert allowance.is_refusal
    assert allowance.wait == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("status", "headers", "is_refusal"),
    [
        # GitHub refuses with 403, and says so by either.
        (403, {"Retry_After": "60"}, True),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(EPOCH + 60)}, True),
        (403, {"X_RateLimit_Remaining": "4999", "X_RateLimit_Reset": str(EPOCH + 60)}, False),
        (403, {}, False),
        (401, {"X_RateLimit_Remaining": "0"}, False),
        (503, {"Retry_After": "60"}, False),
        (200, {"X_RateLimit_Remaining": "0"}, False),
        (420, {"Retry_After": "60"}, True),
        (429, {}, True),
    ],
)
def test_too_many_requests_is_said_in_several_ways(
    status: int, headers: dict[str, str], is_refusal: bool
) -> None:
    assert read(status, **headers).is_refusal == is_refusal


def test_a_good_answer_may_say_that_it_was_the_last_one() -> None:
    assert read(200, X_RateLimit_Remaining="0", X_RateLimit_Reset="7").wait == timedelta(seconds=7)
    left = read(200, X_RateLimit_Remaining="3", X_RateLimit_Reset="7")
    assert (left.wait, left.remaining) == (None, 3)
    assert read(200, X_Shopify_Shop_Api_Call_Limit="32/40").remaining == 8
    assert read(200, Retry_After="7").wait is None, "that is about something else"
    assert read(503, Retry_After="7").wait == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("headers", "policy"),
    [
        ({"RateLimit_Policy": '"burst";q=100;w=60,"daily";q=1000;w=86400'}, Policy(1000, 86400)),
        ({"RateLimit_Policy": "100;w=60"}, Policy(100, 60)),
        ({"RateLimit_Limit": "10, 10;w=1, 50;w=60"}, Policy(50, 60)),
        ({"RateLimit_Policy": '"bytes";q=9;w=60;qu="content-bytes", "n";q=100;w=60'}, Policy(100, 60)),
        (
            {"X_HubSpot_RateLimit_Max": "100", "X_HubSpot_RateLimit_Interval_Milliseconds": "10000"},
            Policy(100, 10),
        ),
        ({"X_RateLimit_Limit_Minute": "20"}, Policy(20, 60)),
        ({"X_HubSpot_RateLimit_Secondly": "10"}, Policy(10, 1)),
        ({"X_RateLimit_Limit": "100"}, None),
        ({"RateLimit_Policy": '"zero";q=0;w=0, ;;;=, "x";q=1e9;w=-1'}, None),
    ],
)
def test_the_strictest_policy_is_known(headers: dict[str, str], policy: Policy | None) -> None:
    assert read(429, **headers).strictest == policy


def test_what_cannot_be_read_says_nothing() -> None:
    odd = {
        "X_RateLimit_Remaining": "many",
        "X_RateLimit_Reset": "\x00",
        "RateLimit": "\udcff,;r=;t",
        "limit": "0",
    }
    assert read(200, **odd).wait is None
    assert read(200, Content_Type="text/plain") is limits.NOTHING_SAID
