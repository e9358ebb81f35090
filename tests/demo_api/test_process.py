"""The demo as a process of its own, and its knobs over HTTP."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from demo_api.consent import give_consent
from demo_api.server import CLIENT_ID, CLIENT_SECRET, DemoServer

PROJECT = Path(__file__).parents[2]


@contextmanager
def demo_process(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a running demo, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo_api", "--port", "0", *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Demo API on http://127.0.0.1:"), line
        yield line.split()[3].rstrip(","), process
    finally:
        process.kill()
        process.communicate()


def refresh(url: str, refresh_token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return requests.post(f"{url}/oauth/token", form, auth=(CLIENT_ID, CLIENT_SECRET), timeout=30)


@pytest.fixture
def control():
    """A server whose knobs are turned over HTTP, and the function that turns them."""
    with DemoServer(has_control=True) as server:

        def turn(command: str, **arguments: object) -> object:
            answer = requests.post(f"{server.url}/_control/{command}", json=arguments, timeout=30)
            answer.raise_for_status()
            return answer.json()["result"]

        yield server, turn


def test_a_process_says_where_it_is_and_stops_when_told_to():
    with demo_process("--product-url", "http://localhost:8123") as (url, process):
        page = requests.get(url, timeout=30).text
        assert "http://localhost:8123/oauth/callback" in page
        assert requests.get(f"{url}/healthz", timeout=30).text == "ok"

        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_killed_process_remembers_its_grants(tmp_path):
    options = ("--control", "--state", str(tmp_path / "state.json"))
    with demo_process(*options) as (url, _):
        first = requests.post(f"{url}/_control/mint", json={}, timeout=30).json()["result"]["refresh_token"]
        second = refresh(url, first).json()["refresh_token"]

    with demo_process(*options) as (url, _):
        assert refresh(url, second).status_code == 200
        assert refresh(url, first).status_code == 400


def test_a_process_obeys_its_options():
    with demo_process("--pkce-required", "--access-token-lifetime", "60") as (url, _):
        answer = give_consent(f"{url}/oauth/authorize?response_type=code&client_id={CLIENT_ID}")

        assert "error=invalid_request" in answer
        assert "60 seconds" in requests.get(url, timeout=30).text


def test_a_port_that_is_taken_is_said_in_one_line():
    with DemoServer() as server:
        command = [sys.executable, "-m", "demo_api", "--port", str(server.port)]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith("demo_api: ")
    assert len(result.stderr.splitlines()) == 1


def test_without_control_there_are_no_knobs_over_http():
    with DemoServer() as server:
        assert requests.get(f"{server.url}/_control", timeout=30).status_code == 404
        assert requests.post(f"{server.url}/_control/mint", json={}, timeout=30).status_code == 404


def test_knobs_are_turned_over_http(control):
    server, turn = control
    tokens = turn("mint", scope="orders.read")

    turn("set", access_token_lifetime=60, coop=True)
    turn("fail_token", status=500, body={"error": "server_error"})

    assert [refresh(server.url, tokens["refresh_token"]).status_code for _ in range(2)] == [500, 200]
    report = requests.get(f"{server.url}/_control", timeout=30).json()
    assert report["policy"]["access_token_lifetime"] == 60
    assert report["knobs"]["coop"] is True
    assert report["refreshes"] == 1
    assert [each["status"] for each in report["requests"]] == [500, 200]
    assert report["requests"][0]["form"]["grant_type"] == "refresh_token"


def test_pages_are_held_and_counted_over_http(control):
    server, turn = control
    turn("hold", path="/api/open/contacts", page=2)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(requests.get, f"{server.url}/api/open/contacts?page=2", timeout=30)
        assert turn("wait_until_held") is True

        report = requests.get(f"{server.url}/_control", timeout=30).json()
        turn("release")

        assert report["page_fetches"] == {"/api/open/contacts": {"2": 1}}
        assert report["requests"][0]["status"] == 0
        assert held.result().status_code == 200


@pytest.mark.parametrize(
    ("command", "arguments", "status"),
    [
        ("stop", {}, 404),
        ("set", {"nonsense": 1}, 400),
        ("mint", {"client_id": "nobody"}, 400),
        ("hold", {}, 400),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(control, command, arguments, status):
    server, _ = control

    assert requests.post(f"{server.url}/_control/{command}", json=arguments, timeout=30).status_code == status


def test_the_demo_needs_nothing_but_the_standard_library():
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import demo_api.__main__; print(*sys.modules)"
    # -I and -S: neither the environment's packages nor the current directory.
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )

    assert "demo_api.server" in result.stdout
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded <= sys.stdlib_module_names | {"demo_api", "__main__"}
