"""One address for everybody, and nothing of a team in anybody's cache."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

PORT = urlsplit(settings.BASE_URL).port


def test_another_name_of_this_machine_leads_to_the_one_address() -> None:
    answer = Client().get("/accounts/login/?next=/t/a/", headers={"host": f"127.0.0.1:{PORT}"})

    assert answer.status_code == 302
    assert answer["Location"] == f"{settings.BASE_URL}/accounts/login/?next=/t/a/"


def test_a_stranger_s_host_name_is_refused() -> None:
    assert Client().get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_whether_we_are_well_may_be_asked_under_any_name() -> None:
    answer = Client().get("/healthz", headers={"host": "10.1.2.3:8000"})

    assert (answer.status_code, answer.content) == (200, b"ok")


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
