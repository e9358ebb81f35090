"""One address for everybody, and nothing of a team in anybody's cache."""

import re
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.fixtures import Settings

PORT = urlsplit(settings.BASE_URL).port


def test_another_name_of_this_machine_leads_to_the_one_address() -> None:
    answer = Client().get("/accounts/login/?next=/t/a/", headers={"host": f"127.0.0.1:{PORT}"})

    assert answer.status_code == 302
    assert answer["Location"] == f"{settings.BASE_URL}/accounts/login/?next=/t/a/"


def test_a_stranger_s_host_name_is_refused() -> None:
    assert Client().get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400


def test_each_answer_names_its_request_and_takes_no_name_from_outside(settings: Settings) -> None:
    names = {Client().get("/healthz", headers={"x-request-id": "theirs"})["X-Request-ID"] for _ in range(2)}
    assert len(names - {"theirs"}) == 2

    settings.REQUEST_ID_HEADER = "X-Request-ID"
    assert Client().get("/healthz", headers={"x-request-id": "from-the-proxy/1"})["X-Request-ID"] == (
        "from-the-proxy/1"
    )
    for harmful in ("a b", "x" * 129, 'a"b', "é", ""):
        answer = Client().get("/healthz", headers={"x-request-id": harmful})
        assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-ID"]), harmful


@pytest.mark.django_db
def test_pages_are_kept_by_no_cache_and_loaded_from_nowhere_else(client: Client) -> None:
    answer = client.get("/accounts/login/")

    assert "no-store" in answer["Cache-Control"]
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_the_scheme_comes_from_base_url_and_no_header(client: Client) -> None:
    answer = client.get("/", headers={"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"})

    assert answer["Location"].startswith("/")
