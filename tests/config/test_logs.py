"""A line of a log: its form, and what it never holds."""

import logging

import pytest
from django.test import Client
from django.urls import path

from config import logs
from tests.written import Written


def test_a_line_of_json_tells_when_how_bad_who_and_what(written: Written) -> None:
    logging.getLogger("celery.worker").warning("Connection to %s lost", "the broker")
    try:
        raise RuntimeError("what happened")
    except RuntimeError:
        logging.getLogger("gunicorn.access").exception("Oh")

    first, second = written.lines
    assert first.pop("timestamp").endswith("Z")
    assert first == {"level": "warning", "logger": "celery.worker", "event": "Connection to the broker lost"}
    assert second["level"] == "error"
    assert "RuntimeError: what happened" in second["exception"]


@pytest.mark.parametrize("format_name", ["console"])
def test_a_line_for_people_is_one_line_and_the_traceback_below(written: Written) -> None:
    try:
        raise RuntimeError("what happened")
    except RuntimeError:
        logging.getLogger("a").exception("Oh")

    first, *below = written.text.splitlines()
    assert first.endswith(" ERROR a: Oh")
    assert below[-1] == "RuntimeError: what happened"


@pytest.mark.parametrize("format_name", logs.FORMATS)
def test_no_token_that_stands_in_an_address_is_written_not_even_in_a_traceback(written: Written) -> None:
    addresses = [
        "/feeds/canary/rows.csv?limit=2",
        "https://c.example/invitations/canary/",
        "/setup/canary/",
        "/accounts/password/reset/key/1-canary/",
        "/accounts/confirm-email/canary/",
        "/oauth/callback?code=canary&state=canary",
        "https://api.example/x?q=1&api_key=canary%20canary",
    ]
    for address in addresses:
        logging.getLogger("gunicorn.error").error("Error handling request %s", address)
        try:
            raise ValueError(f"cannot open '{address}'")
        except ValueError:
            logging.getLogger("a").exception("At %s", address)

    assert "canary" not in written.text
    assert written.text.count("Error handling request") == len(addresses)


def breaks(request: object) -> None:
    raise RuntimeError("a mistake of ours")


urlpatterns = [path("breaks", breaks)]


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_the_line_about_a_failed_request_has_the_id_that_its_answer_has(
    client: Client, written: Written
) -> None:
    client.raise_request_exception = False
    answer = client.get("/breaks?token=canary")

    assert answer.status_code == 500
    [line] = [line for line in written.lines if line["logger"] == "django.request"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert "a mistake of ours" in line["exception"]
    assert "canary" not in written.text
