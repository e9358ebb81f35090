"""The promises of the refresh engine, kept against real servers, slow ones, and kill -9."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import redis
import requests
from celery import Celery

from demo_api.server import DemoServer
from tests.connections.callers import ROOT, Callers, answers_of, prepare
from tests.oidc_provider import OidcProvider
from tests.product import own_redis_database

pytestmark = [pytest.mark.slow, pytest.mark.requirement("R31", "QC23")]

needs_oidc_provider = [pytest.mark.node]
PROCESSES, THREADS = 4, 5
# The whole proof is 25 rounds; REFRESH_ROUNDS and SLOW_REFRESH_ROUNDS make it longer or shorter.
ROUNDS = int(os.environ.get("REFRESH_ROUNDS", "25"))
SLOW_ROUNDS = int(os.environ.get("SLOW_REFRESH_ROUNDS", "1"))
SLOW_SECONDS = 45
KILLED = 50
ACCESS_TOKEN_LIFE = 300


class SlowWay:
    """A way to a server on which answers take some seconds longer: connections are passed on as they are."""

    def __init__(self, port: int, seconds: float) -> None:
        self._server_port, self._seconds = port, seconds
        self.is_asked = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                for ends in ((client, server, 0.0), (server, client, self._seconds)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.is_asked.set()
                time.sleep(seconds)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def oidc(processes: Callers) -> Iterator[OidcProvider]:
    with OidcProvider(access_token_ttl=ACCESS_TOKEN_LIFE) as server:
        yield server
    processes.begin("clear").answers()


@contextlib.contextmanager
def working(processes: Callers, broker_url: str) -> Iterator[None]:
    """A worker of the product, which takes its tasks from this broker."""
    environment = processes.environment | {
        "BROKER_URL": broker_url,
        "OUTBOUND_ALLOW": f"127.0.0.1:{processes.port}",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "config.background", "worker"], cwd=ROOT, env=environment
    )
    try:
        yield
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    finally:
        worker.kill()
        worker.wait()


def connect(oidc: OidcProvider, processes: Callers, port: int, **options: bool) -> str:
    """The id of a connection with a grant of the real server, whose token endpoint is asked at `port`."""
    client, redirect_uri, verifier = oidc.public_client, "http://localhost:8000/oauth/callback", "v" * 64
    authorization = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": "items.read offline_access",
        "prompt": "consent",
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    callback = oidc.consent(f"{oidc.authorization_url}?{urlencode(authorization)}")
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(callback).query)["code"][0],
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        "client_id": client.client_id,
    }
    tokens = requests.post(oidc.token_url, form, timeout=30).json()
    processes.port = port
    [made] = processes.begin(
        "prepare",
        name="OIDC",
        token_url=f"http://127.0.0.1:{port}{urlsplit(oidc.token_url).path}",
        client_id=client.client_id,
        client_secret="",
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        **options,
    ).answers()
    return str(made["id"])


def refreshes(oidc: OidcProvider) -> list[int]:
    return [entry["status"] for entry in oidc.log("token") if entry["grant_type"] == "refresh_token"]


def is_alive(oidc: OidcProvider, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return requests.get(oidc.items_url, headers=headers, timeout=30).status_code == 200


class TestAgainstARealServer:
    pytestmark = needs_oidc_provider

    def test_twenty_callers_in_four_processes_make_one_call_a_round_and_the_grant_lives(
        self, oidc: OidcProvider, processes: Callers
    ) -> None:
        processes.connection_id = connect(oidc, processes, urlsplit(oidc.url).port or 0)

        for number in range(ROUNDS):
            asked = [
                processes.ask(threads=THREADS, seconds=number * ACCESS_TOKEN_LIFE) for _ in range(PROCESSES)
            ]
            answers = answers_of(asked)
            assert [answer.get("version") for answer in answers] == [number + 2] * PROCESSES * THREADS

        assert refreshes(oidc) == [200] * ROUNDS
        assert is_alive(oidc, answers[0]["token"])

    @pytest.mark.redis
    @pytest.mark.requirement("R33", "R66")
    def test_a_token_endpoint_that_takes_45_seconds_is_called_once_a_round_though_the_broker_is_emptied(
        self, oidc: OidcProvider, processes: Callers
    ) -> None:
        way = SlowWay(urlsplit(oidc.url).port or 0, SLOW_SECONDS)
        processes.connection_id = connect(oidc, processes, way.port, is_real=True)

        with own_redis_database() as url, redis.Redis.from_url(url) as queues, working(processes, url):
            for number in range(SLOW_ROUNDS):
                processes.begin("run_out", connection=processes.connection_id).answers()
                way.is_asked.clear()
                with Celery(broker=url, set_as_current=False) as bell:
                    bell.send_task("connections.tasks.refresh_token", [processes.connection_id])
                assert way.is_asked.wait(30)
                # The worker has taken its task, and the broker holds it until the task is done.
                assert queues.hlen("unacked") == 1
                asked = [
                    processes.ask(threads=THREADS, is_patient=True, is_real=True) for _ in range(PROCESSES)
                ]
                queues.flushdb()
                answers = answers_of(asked)
                assert [answer.get("version") for answer in answers] == [number + 2] * PROCESSES * THREADS
                # The worker asked; all others were told once to come back.
                assert [answer["waits"] for answer in answers] == [1] * PROCESSES * THREADS

        assert refreshes(oidc) == [200] * SLOW_ROUNDS
        assert is_alive(oidc, answers[0]["token"])
        way.close()


# kill -9 --------------------------------------------------------------------------------------------


def leave_half_done(provider: DemoServer, processes: Callers, *shares: int) -> None:
    """Kill workers, each with its share of refreshes at the server, which rotates without being heard."""
    provider.hold("/oauth/token")
    workers = []
    for share in shares:
        expected = len(provider.token_requests) + share
        for _ in range(share):
            prepare(provider, processes, name="CRM", is_real=True)
        workers.append(processes.begin("due", is_real=True))
        until = time.monotonic() + 15
        while len(provider.token_requests) < expected and time.monotonic() < until:
            time.sleep(0.05)
        assert len(provider.token_requests) == expected
    for worker in workers:
        worker.kill()
    provider.release()


def tick_until(processes: Callers, is_enough: Callable[[list[dict[str, Any]]], bool]) -> float:
    """Do what the beat does every 5 s until the connections are as they should be; in how many seconds."""
    began = time.monotonic()
    while time.monotonic() < began + 60:
        processes.begin("due", is_real=True).answers()
        if is_enough(processes.begin("look").answers()):
            return time.monotonic() - began
        time.sleep(5)
    raise AssertionError(processes.begin("look").answers())


@pytest.mark.requirement("R32", "R34", "R35", "QC24")
def test_fifty_refreshes_whose_workers_died_after_the_rotation_heal_within_the_servers_grace(
    provider: DemoServer, processes: Callers
) -> None:
    provider.set(rotation_grace=30)
    processes.port = provider.port
    leave_half_done(provider, processes, KILLED // 2, KILLED // 2)

    seconds = tick_until(processes, lambda rows: all(row["version"] == 2 for row in rows))

    rows = processes.begin("look").answers()
    assert [(row["state"], row["version"]) for row in rows] == [("connected", 2)] * KILLED
    assert len(provider.token_requests) == 2 * KILLED
    assert seconds < 30
    processes.begin("clear").answers()


@pytest.mark.requirement("R32", "R35", "QC24")
def test_a_refresh_that_a_strict_server_will_not_repeat_is_told_within_30_seconds_and_nothing_else_is_lost(
    provider: DemoServer, processes: Callers
) -> None:
    processes.port = provider.port
    leave_half_done(provider, processes, 1)
    [lost] = [row["id"] for row in processes.begin("look").answers()]
    other = prepare(provider, processes, name="Other", is_real=True)

    seconds = tick_until(processes, lambda rows: any(row["state"] == "needs_reauth" for row in rows))

    states = {row["id"]: (row["state"], row["version"]) for row in processes.begin("look").answers()}
    assert states == {lost: ("needs_reauth", 1), other: ("connected", 2)}
    assert seconds < 30
    # The old token was sent once more, and never again.
    assert len(provider.token_requests) == 3
    processes.begin("clear").answers()
