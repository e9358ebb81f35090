"""Writers of one process wait for each other, however many there are and however long it takes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Team
from tests.factories import TeamFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_lane]
WRITERS = 8


def at_once(write: Callable[[int], object]) -> list[DatabaseError]:
    """What goes wrong when so many threads write at once, and SQLite itself is asked once and not again."""
    wrong: list[DatabaseError] = []

    def go(number: int) -> None:
        try:
            connection.ensure_connection()
            connection.connection.execute("PRAGMA busy_timeout = 0")
            write(number)
        except DatabaseError as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=[number]) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def rename(team: Team) -> None:
    with transaction.atomic():
        Team.objects.filter(pk=team.pk).update(name="Renamed")
        time.sleep(0.02)


def test_transactions_of_many_threads_wait_for_their_turn() -> None:
    team = TeamFactory()
    assert at_once(lambda _: rename(team)) == []


def test_so_do_statements_without_a_transaction() -> None:
    team = TeamFactory()

    def write(number: int) -> None:
        if number % 2:
            rename(team)
        else:
            Team.objects.filter(pk=team.pk).update(name=f"Name {number}")

    assert at_once(write) == []


def test_a_turn_ends_with_the_transaction_however_that_ends() -> None:
    team = TeamFactory()

    def fail(number: int) -> None:
        with suppress(ZeroDivisionError), transaction.atomic():
            rename(team)
            raise ZeroDivisionError

    assert at_once(fail) == []
    rename(team)

    def vanish(number: int) -> None:
        with transaction.atomic():
            rename(team)
            connection.close()

    assert at_once(vanish) == []
    rename(team)
