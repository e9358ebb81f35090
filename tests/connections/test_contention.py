"""Many processes over one token, with a database of their own of the kind that the suite runs on."""

import signal

import pytest

from demo_api.server import DemoServer
from tests.connections.callers import EXPIRED_LEASE, Callers, answers_of, prepare

pytestmark = pytest.mark.slow


@pytest.mark.requirement("R31", "QC23")
def test_fifty_threads_in_four_processes_make_one_token_call_and_get_fifty_answers(
    provider: DemoServer, callers: Callers
) -> None:
    provider.hold("/oauth/token")
    asked = [callers.ask(threads=count) for count in (13, 13, 12, 12)]
    assert provider.wait_until_held(30)
    provider.release()

    answers = answers_of(asked)

    assert len(answers) == 50
    assert {answer.get("version") for answer in answers} == {2}
    assert len({answer["token"] for answer in answers}) == 1
    assert len(provider.token_requests) == 1
    assert not provider.reuse_was_detected


@pytest.mark.requirement("R31", "QC23")
def test_fifty_threads_learn_of_one_failure(provider: DemoServer, callers: Callers) -> None:
    provider.set(token_latency=0.5)
    provider.fail_token(status=503, times=None)

    answers = answers_of([callers.ask(threads=25) for _ in range(2)])

    assert len(answers) == 50
    assert {answer.get("error") for answer in answers} == {"provider_unavailable"}
    assert len(provider.token_requests) == 1


def test_waiters_have_the_token_within_100_ms_of_each_other(provider: DemoServer, callers: Callers) -> None:
    provider.set(token_latency=0.5)

    moments = sorted(answer["at"] for answer in callers.ask(threads=10).answers())

    # 100 ms on an idle machine; the bound leaves room for one that does other things as well.
    assert moments[-1] - moments[0] < 0.5


@pytest.mark.requirement("R31", "QC23")
def test_callers_and_the_background_do_not_refresh_twice(provider: DemoServer, callers: Callers) -> None:
    provider.set(token_latency=0.5)

    answers_of([callers.begin("due"), callers.begin("due"), callers.ask(threads=5)])

    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R31", "R66", "QC23")
def test_the_background_works_on_several_at_once_and_on_each_once(
    provider: DemoServer, callers: Callers
) -> None:
    for _ in range(9):
        prepare(provider, callers)

    [ours, theirs] = answers_of([callers.begin("due"), callers.begin("due")])

    assert ours["tried"] + theirs["tried"] >= 10
    assert (provider.refreshes, len(provider.token_requests)) == (10, 10)


@pytest.mark.requirement("R41", "QC30")
def test_a_server_that_is_down_is_not_asked_for_every_connection(
    provider: DemoServer, callers: Callers
) -> None:
    for _ in range(49):
        prepare(provider, callers)
    provider.fail_token(status=503, times=None)

    callers.begin("due").answers()

    assert 1 <= len(provider.token_requests) < 50


@pytest.mark.requirement("R32", "QC23")
def test_a_frozen_lease_holder_writes_nothing_over_what_came_after_it(
    provider: DemoServer, callers: Callers
) -> None:
    provider.set(rotation_grace=600)
    provider.hold("/oauth/token")
    frozen = callers.ask()
    assert provider.wait_until_held()
    frozen.freeze()
    provider.release()

    [newer] = callers.ask(seconds=EXPIRED_LEASE).answers()
    frozen.process.send_signal(signal.SIGCONT)
    [late] = frozen.answers()

    assert newer["version"] == 2
    assert (late["version"], late["token"]) == (2, newer["token"])
    assert len(provider.token_requests) == 2


@pytest.mark.parametrize(("grace", "outcome"), [(600, 2), (0, "reconnect_required")])
@pytest.mark.requirement("R32", "QC23")
def test_a_lease_holder_killed_in_the_middle_blocks_nobody(
    provider: DemoServer, callers: Callers, grace: int, outcome: object
) -> None:
    provider.set(rotation_grace=grace)
    provider.hold("/oauth/token")
    killed = callers.ask()
    assert provider.wait_until_held()
    killed.kill()
    provider.release()

    [answer] = callers.ask(seconds=EXPIRED_LEASE).answers()

    assert outcome in (answer.get("version"), answer.get("error"))
    assert len(provider.token_requests) == 2
    if grace == 0:
        assert "lost on the way" in answer["sentence"]


@pytest.mark.requirement("R57", "QC40")
def test_a_connection_deleted_during_its_refresh_stays_deleted_and_the_answer_waits_to_be_revoked(
    provider: DemoServer, callers: Callers
) -> None:
    provider.hold("/oauth/token")
    refreshing = callers.ask()
    assert provider.wait_until_held()
    callers.begin("delete", connection=callers.connection_id).answers()
    provider.release()

    [answer] = refreshing.answers()

    assert answer["error"] == "reconnect_required"
    assert "deleted" in answer["sentence"]
    assert callers.begin("clear").answers() == [{"discarded": 2}]
