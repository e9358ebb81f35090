"""What load balancers and orchestrators ask."""

import json

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from config import probes
from tests.product import Broker, free_port


def asked(path: str) -> HttpResponse:
    """As a machine asks: by address, without a cookie."""
    return Client().get(path, headers={"host": "10.1.2.3:8000"})  # type: ignore[return-value]


def test_whether_we_live_is_answered_without_a_database_under_any_name() -> None:
    # No mark lets this test reach a database: it would fail.
    answer = asked("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert not answer.cookies


@pytest.mark.django_db
def test_who_has_database_migrations_and_broker_is_ready(settings: Settings) -> None:
    with Broker() as broker:
        settings.BROKER_URL = broker.url
        answer = asked("/readyz")

    assert (answer.status_code, json.loads(answer.content)) == (
        200,
        {"ready": True, "database": "ok", "migrations": "ok", "broker": "ok"},
    )
    assert not answer.cookies


@pytest.mark.django_db
def test_who_lacks_a_part_says_which_and_nothing_more(settings: Settings) -> None:
    settings.BROKER_URL = f"redis://:broker-password@127.0.0.1:{free_port()}/0"
    MigrationRecorder(connection).record_unapplied("operations", "0001_initial")

    answer = asked("/readyz")

    assert (answer.status_code, json.loads(answer.content)) == (
        503,
        {"ready": False, "database": "ok", "migrations": "missing", "broker": "missing"},
    )


@pytest.mark.django_db
def test_a_database_that_is_ahead_of_this_code_is_no_hindrance() -> None:
    assert probes.are_migrations_applied()
    MigrationRecorder(connection).record_applied("operations", "0099_of_the_next_version")
    assert probes.are_migrations_applied()


@pytest.mark.django_db(transaction=True)
def test_without_its_database_a_process_lives_and_is_not_ready() -> None:
    lost = {"PORT": str(free_port()), "PASSWORD": "database-password", "NAME": "/nowhere/database"}
    kept = {name: connection.settings_dict[name] for name in lost}
    connection.close()
    connection.settings_dict.update(lost)
    try:
        alive, ready = asked("/healthz"), asked("/readyz")
    finally:
        connection.close()
        connection.settings_dict.update(kept)

    assert alive.status_code == 200
    assert ready.status_code == 503
    found = json.loads(ready.content)
    assert (found["ready"], found["database"], found["migrations"]) == (False, "missing", "missing")
    assert b"password" not in ready.content
