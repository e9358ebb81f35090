"""The ends of runs, settled together: all of what holds for one holds for each of many."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from requests_builder import runs, tables
from requests_builder.models import Batch, Publication, Row, Run, RunState, SavedRequest, Table, WriteMode
from requests_builder.runs import execution, leases, settling
from requests_builder.runs.clock import Clock
from requests_builder.runs.settling import Ending, Writer
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}]


@pytest.fixture
def api(answers: Callable[[list[dict[str, Any]]], None]) -> None:
    answers(RECORDS)


@pytest.fixture
def request_to(team: Team, api: None, httpserver: Any) -> Callable[..., SavedRequest]:
    """A request to the API that fills a table of its own."""

    def make(name: str, **fields: Any) -> SavedRequest:
        table = fields.pop("table", None) or factories.TableFactory(team=team, name=name)
        url = f"http://127.0.0.1:{httpserver.port}/items"
        made: SavedRequest = factories.SavedRequestFactory(team=team, table=table, url=url, **fields)
        return made

    return make


def pulled(requests: Sequence[SavedRequest], now: datetime) -> list[Ending]:
    """Runs of the requests whose page has come."""
    waiting = [runs.request_run(request, user=None, now=now).pk for request in requests]
    endings = [execution.pull(lease) for lease in leases.claim_all(waiting, worker=uuid4(), clock=Clock(now))]
    assert all(isinstance(ending, Ending) and ending.is_light for ending in endings)
    return endings  # type: ignore[return-value]


def rows_of(request: SavedRequest) -> list[Any]:
    table = Table.objects.get(pk=request.table_id)
    return list(tables.records(table))


def written(endings: Sequence[Ending]) -> list[Ending]:
    """Have a writer settle these; those that it was done with."""
    done: list[Ending] = []
    is_over = threading.Event()

    def note(some: Sequence[Ending]) -> None:
        done.extend(some)
        if len(done) == len(endings):
            is_over.set()

    writer = Writer(execution.conclude, note)
    assert all(writer.take(ending) for ending in endings)
    assert is_over.wait(30)
    leases.is_stopping.set()
    for thread in threading.enumerate():
        if thread.name == "writer":
            thread.join(20)
    leases.is_stopping.clear()
    return done


def test_many_ends_cost_the_statements_of_one(request_to: Callable[..., SavedRequest], now: datetime) -> None:
    def statements(count: int) -> int:
        endings = pulled([request_to(f"{count} {number}") for number in range(count)], now)
        with CaptureQueriesContext(connection) as queries:
            assert settling.settle(endings) == endings
        return len(queries)

    # On SQLite the rows go in one call, too, and are counted one by one.
    assert statements(12) == statements(1)
    assert set(Run.objects.values_list("state", "pages", "rows", "leased_by")) == {
        (RunState.SUCCEEDED, 1, 2, None)
    }
    assert (Publication.objects.count(), Batch.objects.visible().count(), Row.objects.count()) == (13, 13, 26)


def test_each_of_many_is_what_it_would_be_alone(
    request_to: Callable[..., SavedRequest], answers: Callable[[list[dict[str, Any]]], None], now: datetime
) -> None:
    alone, together = (
        [
            request_to(f"{where} replace", write_mode=WriteMode.REPLACE),
            request_to(f"{where} append", write_mode=WriteMode.APPEND),
            request_to(f"{where} first", write_mode=WriteMode.APPEND),
        ]
        for where in ("alone", "together")
    )
    for at, records in ((now, RECORDS), (now + timedelta(hours=1), [{"id": 3, "age": 36}])):
        answers(records)
        some = slice(0, 2 if at == now else 3)
        for ending in pulled(alone[some], at):
            assert execution.conclude(ending) == RunState.SUCCEEDED
        endings = pulled(together[some], at)
        assert settling.settle(endings) == endings

    fields = ("changes", "stop_reason", "rows", "pages", "state", "finished_at__hour", "error", "findings")
    for one, other in zip(alone, together, strict=True):
        assert rows_of(one) == rows_of(other)
        of_one, of_other = (
            list(request.runs.order_by("due_at").values_list(*fields)) for request in (one, other)
        )
        assert of_one == of_other
        tables_ = Table.objects.filter(pk__in=[one.table_id, other.table_id])
        assert (
            len({repr(found) for found in tables_.values_list("columns", "column_types", "publication")}) == 1
        )
    assert [row["id"] for row in rows_of(together[0])] == [3]
    assert [row["id"] for row in rows_of(together[1])] == [1, 2, 3]


def test_two_ends_of_one_table_are_settled_one_after_the_other_and_nothing_is_tried_twice(
    request_to: Callable[..., SavedRequest], now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    first, other = request_to("shared"), request_to("other")
    second = factories.SavedRequestFactory(
        team=first.team, table=first.table, url=first.url, write_mode=WriteMode.APPEND
    )
    endings = pulled([first, second, other], now)
    caplog.set_level(logging.INFO, settling.__name__)

    assert {ending.lease for ending in written(endings)} == {ending.lease for ending in endings}

    assert [record for record in caplog.records if record.name == settling.__name__] == []
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.SUCCEEDED}
    assert len(rows_of(first)) == 2 * len(rows_of(other)) == 2 * len(RECORDS)


def test_a_run_that_somebody_took_over_meanwhile_is_left_out_with_all_its_rows(
    request_to: Callable[..., SavedRequest], now: datetime
) -> None:
    endings = pulled([request_to(f"t{number}") for number in range(3)], now)
    lost = endings[1].lease
    [other] = leases.claim_all([lost.run.pk], worker=uuid4(), clock=Clock(now + 2 * leases.LEASE))

    assert settling.settle(endings) == [endings[0], endings[2]]

    assert rows_of(lost.run.saved_request) == []
    assert not Batch.objects.filter(run=lost.run).exists()
    assert lost.is_lost
    run = Run.objects.get(pk=lost.run.pk)
    assert (run.state, run.fence, run.pages, run.rows) == (RunState.RUNNING, other.run.fence, 0, 0)
    assert Run.objects.filter(state=RunState.SUCCEEDED).count() == 2


def test_a_cancelled_run_and_one_that_was_settled_before_write_nothing(
    request_to: Callable[..., SavedRequest], now: datetime, editor: Any
) -> None:
    cancelled, twice = pulled([request_to("cancelled"), request_to("twice")], now)
    assert runs.cancel(cancelled.lease.run, user=editor, now=now)
    assert settling.settle([twice]) == [twice]

    assert settling.settle([cancelled, twice]) == []

    assert rows_of(cancelled.lease.run.saved_request) == []
    assert len(rows_of(twice.lease.run.saved_request)) == 2
    assert Publication.objects.count() == 1


def test_one_whose_table_is_gone_fails_and_the_others_do_not(
    request_to: Callable[..., SavedRequest], now: datetime
) -> None:
    requests = [request_to(f"t{number}") for number in range(4)]
    endings = pulled(requests, now)
    Table.objects.get(pk=requests[2].table_id).delete()

    assert len(written(endings)) == 4

    found = dict(Run.objects.values_list("saved_request__name", "state"))
    assert found.pop(requests[2].name) == RunState.FAILED
    assert set(found.values()) == {RunState.SUCCEEDED}
    assert Run.objects.get(saved_request=requests[2]).error_code == "table_deleted"
    assert all(len(rows_of(request)) == 2 for request in requests if request is not requests[2])
    assert Batch.objects.count() == Publication.objects.count() == 3


def test_runs_into_one_table_are_settled_one_after_the_other(
    team: Team, request_to: Callable[..., SavedRequest], now: datetime
) -> None:
    table = factories.TableFactory(team=team, name="shared")
    requests = [request_to(f"r{n}", table=table, write_mode=WriteMode.APPEND) for n in range(3)]

    assert len(written(pulled(requests, now))) == 3

    assert [row["id"] for row in rows_of(requests[0])] == [1, 2] * 3
    table.refresh_from_db()
    assert table.publication == 3


def test_what_was_not_committed_never_happened_and_is_pulled_again(
    request_to: Callable[..., SavedRequest], now: datetime
) -> None:
    endings = pulled([request_to(f"t{number}") for number in range(2)], now)

    def die() -> None:
        with transaction.atomic():
            settling.settle(endings)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()
    assert (Row.objects.count(), Batch.objects.count(), Publication.objects.count()) == (0, 0, 0)
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.RUNNING}

    later = now + 2 * leases.LEASE
    for pk in runs.recover_runs(later):
        assert runs.execute(pk, worker=uuid4(), now=later) == RunState.SUCCEEDED
    assert settling.settle(endings) == []
    assert (Row.objects.count(), Batch.objects.count(), Publication.objects.count()) == (4, 2, 2)


def test_after_the_commit_nobody_has_it_again(request_to: Callable[..., SavedRequest], now: datetime) -> None:
    endings = pulled([request_to(f"t{number}") for number in range(2)], now)
    settling.settle(endings)
    later = now + 2 * leases.LEASE

    assert runs.recover_runs(later) == []
    assert [runs.execute(ending.lease.run.pk, worker=uuid4(), now=later) for ending in endings] == [
        None,
        None,
    ]
    assert Row.objects.count() == 4


def test_what_is_compared_or_long_is_settled_by_itself(
    request_to: Callable[..., SavedRequest], answers: Callable[[list[dict[str, Any]]], None], now: datetime
) -> None:
    keyed = request_to("keyed", write_mode=WriteMode.UPDATE, key_fields=["id"])
    newest = request_to("newest", write_mode=WriteMode.APPEND, newest_field="id")
    plain = request_to("plain")

    def is_light(request: SavedRequest) -> bool:
        run = runs.request_run(request, user=None, now=now)
        ending = execution.pull(leases.claim_all([run.pk], worker=uuid4(), clock=Clock(now))[0])
        assert isinstance(ending, Ending)
        return ending.is_light

    assert [is_light(request) for request in (keyed, newest, plain)] == [False, False, True]
    answers([{"text": "x" * settling.LIGHT}])
    assert not is_light(request_to("long"))


def test_a_writer_that_has_too_much_waiting_takes_no_more(
    request_to: Callable[..., SavedRequest], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ending] = pulled([request_to("t")], now)
    monkeypatch.setattr(settling, "MOST_WAITING", ending.size - 1)
    assert not Writer(execution.conclude, lambda _: None).take(ending)
