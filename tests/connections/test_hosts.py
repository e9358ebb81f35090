"""Where a connection's token may go."""

from datetime import datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Team, User, Verb
from connections import grants, outbound
from connections.models import Connection, Token
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R51")]


def may_go(connection: Connection, url: str) -> bool:
    try:
        grants.reach_of(connection).check(url)
    except (grants.HostNotAllowed, outbound.OutboundError):
        return False
    return True


def custom(team: Team, **fields: Any) -> Connection:
    addresses = {
        "authorization_url": "https://login.crm.example/authorize",
        "token_url": "https://crm.example/token",
    }
    connection: Connection = factories.ConnectionFactory(team=team, **addresses | fields)
    return connection


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://crm.example/api", True),
        ("https://CRM.example:443/api", True),
        ("https://crm.example./api", True),
        ("https://login.crm.example/api", True),
        ("https://crm.example:8443/api", False),
        ("https://api.crm.example/", False),
        ("https://crm.example.evil.example/", False),
        ("https://evilcrm.example/", False),
        ("https://crm.example@evil.example/", False),
        ("https://evil.example/crm.example", False),
        ("https://evil.example/?https://crm.example", False),
        ("https://evil.example#crm.example", False),
        ("https://crm.example\\@evil.example/", False),
        ("http://crm.example/api", False),
        ("https://127.0.0.1/", False),
    ],
)
def test_a_token_goes_to_the_very_hosts_of_its_own_addresses_over_https(
    team: Team, url: str, expected: bool
) -> None:
    assert may_go(custom(team), url) is expected


def test_a_refusal_names_the_connection_and_the_host(team: Team) -> None:
    with pytest.raises(grants.HostNotAllowed) as refused:
        grants.reach_of(custom(team, name="CRM")).check("https://evil.example:8443/x?y")

    assert refused.value.code == "host_not_allowed_for_connection"
    assert refused.value.host == "evil.example:8443"
    assert "“CRM” is not sent to evil.example:8443" in refused.value.sentence


def test_plain_http_is_for_what_the_host_of_the_product_has_listed(team: Team, settings: Settings) -> None:
    connection = custom(team, token_url="http://127.0.0.1:9400/token")
    assert not may_go(connection, "http://127.0.0.1:9400/api")

    settings.OUTBOUND_ALLOW = ["127.0.0.1:9400"]

    assert may_go(connection, "http://127.0.0.1:9400/api")
    assert not may_go(connection, "http://127.0.0.1:9401/api")


def test_a_preset_brings_the_hosts_of_its_apis(team: Team) -> None:
    connection = custom(team, preset="google")

    assert may_go(connection, "https://www.googleapis.com/calendar/v3")
    assert may_go(connection, "https://sheets.googleapis.com/v4")
    assert not may_go(connection, "https://googleapis.com.evil.example/")
    assert not may_go(connection, "https://evilgoogleapis.com/")
    assert not may_go(connection, "https://www.googleapis.com:8443/")


def test_the_host_of_a_token_url_that_is_known_brings_them_too_unless_switched_off(team: Team) -> None:
    google = {"token_url": "https://oauth2.googleapis.com/token"}

    assert may_go(custom(team, **google), "https://sheets.googleapis.com/v4")
    assert not may_go(custom(team, follows_provider=False, **google), "https://sheets.googleapis.com/v4")


def test_a_placeholder_stands_for_its_own_value_alone(team: Team) -> None:
    connection = custom(
        team,
        preset="dynamics_365",
        placeholders={"org": "acme.crm.dynamics.com"},
    )

    assert may_go(connection, "https://acme.crm.dynamics.com/api")
    assert not may_go(connection, "https://other.crm.dynamics.com/api")

    connection.placeholders = {"org": "other.crm.dynamics.com"}

    assert may_go(connection, "https://other.crm.dynamics.com/api")
    assert not may_go(connection, "https://acme.crm.dynamics.com/api")


@pytest.mark.requirement("R52")
def test_what_an_answer_names_counts_within_the_bounds_of_the_catalogue_and_only_the_newest(
    team: Team, now: datetime
) -> None:
    connection = custom(team, preset="gong")
    bounded = {
        "one": "https://us-1.api.gong.io",
        "two": "https://evil.example",
        "three": "evil.gong.io.evil.example",
    }
    factories.connected(connection, now=now, kept=bounded)
    hosts = grants.reach_of(connection).hosts

    assert "us-1.api.gong.io" in hosts
    assert not {"evil.example", "evil.gong.io.evil.example"} & set(hosts)

    Token.objects.update(kept={"one": "https://us-2.api.gong.io"})

    assert "us-2.api.gong.io" in grants.reach_of(connection).hosts
    assert "us-1.api.gong.io" not in grants.reach_of(connection).hosts


def test_without_bounds_an_answer_names_no_hosts(team: Team, now: datetime) -> None:
    connection = custom(team)
    factories.connected(connection, now=now, kept={"instance_url": "https://evil.example"})

    assert not may_go(connection, "https://evil.example/")


def test_a_host_that_is_allowed_stays_so_and_is_written_into_the_audit_log_once(
    team: Team, owner: User, now: datetime
) -> None:
    connection = custom(team)
    stale = Connection.objects.get(pk=connection.pk)

    grants.allow_host(connection, "API.crm.example", user=owner, now=now)
    grants.allow_host(stale, "https://api.crm.example/v1", user=owner, now=now)
    grants.allow_host(stale, "files.crm.example:8443", user=owner, now=now)

    connection.refresh_from_db()
    assert connection.allowed_hosts == ["api.crm.example", "files.crm.example:8443"]
    assert may_go(connection, "https://api.crm.example/v1")
    assert not may_go(connection, "https://api.crm.example:8443/v1")
    entries = AuditEntry.objects.filter(verb=Verb.ALLOWED_HOST)
    assert sorted(entry.detail["Host"] for entry in entries) == ["api.crm.example", "files.crm.example:8443"]


@pytest.mark.parametrize(
    "host", ["", "*", "*.crm.example", "a b", "crm.example@evil.example", "[::1", "127.1"]
)
def test_what_is_no_host_cannot_be_allowed(team: Team, owner: User, now: datetime, host: str) -> None:
    connection = custom(team)

    with pytest.raises(ValueError, match=r"\.$"):
        grants.allow_host(connection, host, user=owner, now=now)

    assert Connection.objects.get().allowed_hosts == []


def test_allowing_has_an_end(team: Team, owner: User, now: datetime) -> None:
    connection = custom(team, allowed_hosts=[f"h{number}.example" for number in range(100)])

    with pytest.raises(ValueError, match="at most 100"):
        grants.allow_host(connection, "one-more.example", user=owner, now=now)
