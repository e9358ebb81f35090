"""What is counted reaches the database once, whoever counts, and cannot grow without bound."""

import json
import threading
from collections.abc import Iterator

import pytest
from django.db import Error, connection, connections
from django.test.utils import CaptureQueriesContext

from operations import tallies
from operations.models import Tally

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[None]:
    tallies._counted.clear()
    yield
    tallies._counted.clear()


def stored(name: str) -> dict[str, int]:
    return dict(Tally.objects.filter(name=name).values_list("labels", "value"))


def test_what_is_counted_adds_up_over_flushes_whatever_the_order_of_its_labels() -> None:
    tallies.count("pulls", outcome="failed", code="http_500")
    tallies.count("pulls", 2, code="http_500", outcome="failed")
    tallies.flush()
    tallies.count("pulls", outcome="failed", code="http_500")
    tallies.flush()

    assert stored("pulls") == {'{"code": "http_500", "outcome": "failed"}': 4}


def test_counting_asks_the_database_nothing_and_a_flush_of_nothing_neither() -> None:
    with CaptureQueriesContext(connection) as asked:
        tallies.flush()
        for _ in range(1_000):
            tallies.count("pulls")
    assert not len(asked)


def test_what_comes_after_the_last_allowed_series_is_counted_as_other() -> None:
    for number in range(tallies.MOST_SERIES):
        tallies.count("calls", host=f"h{number}.example")
    tallies.flush()
    tallies.count("calls", host="one.too.many.example")
    tallies.count("calls", host="and.another.example")
    tallies.count("calls", host="h7.example")
    tallies.flush()

    found = stored("calls")
    assert len(found) == tallies.MOST_SERIES + 1
    assert found[json.dumps({"host": tallies.OTHER})] == 2
    assert found[json.dumps({"host": "h7.example"})] == 2


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_written_is_written_later() -> None:
    tallies.count("pulls")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE operations_tally RENAME TO operations_tally_away")
    try:
        with pytest.raises(Error):
            tallies.flush()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE operations_tally_away RENAME TO operations_tally")
    tallies.flush()

    assert stored("pulls") == {"{}": 1}


@pytest.mark.django_db(transaction=True)
def test_processes_that_add_to_the_same_rows_lose_nothing() -> None:
    def work() -> None:
        # As in two processes: each writes what it took.
        for _ in range(20):
            for name in ("a", "b", "c"):
                tallies.count(name)
            tallies.flush()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [stored(name)["{}"] for name in ("a", "b", "c")] == [80, 80, 80]
