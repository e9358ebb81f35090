"""`make run`, with the real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from config.supervisor import SILENCE, CannotStart, Signs, read_env_file, read_plan
from tests import lanes
from tests.product import ROOT, Broker, Product, children_of, free_port, is_running, wait_until


def supervise(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a supervisor that is expected to refuse."""
    command = [sys.executable, "-m", "config.supervisor"]
    told = {**os.environ, **lanes.NEUTRAL, **environment}
    return subprocess.run(
        command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=60, check=False
    )


# What it is told ---------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    plan = read_plan({"PORT": "8123", "DATA_DIR": str(tmp_path)})
    assert (plan.port, plan.base_url, plan.demo_port) == (8123, "http://localhost:8123", 9400)


def test_the_demo_api_may_be_called_beside_what_the_environment_allows(tmp_path: Path) -> None:
    plan = read_plan({"DATA_DIR": str(tmp_path), "OUTBOUND_ALLOW": "10.0.0.0/8:443", "DEMO_PORT": "9500"})
    allowed = plan.children_environment()["OUTBOUND_ALLOW"]
    assert allowed == "10.0.0.0/8:443,127.0.0.1:9500,localhost:9500"


def test_an_empty_demo_port_leaves_the_demo_api_out(tmp_path: Path) -> None:
    plan = read_plan({"DATA_DIR": str(tmp_path), "DEMO_PORT": "", "OUTBOUND_ALLOW": ""})
    assert plan.demo_port is None
    assert plan.children_environment()["OUTBOUND_ALLOW"] == ""


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "8.5"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(CannotStart, match="PORT must be a port number between 1 and 65535"):
        read_plan({"PORT": port})


def test_env_files_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('# PORT=1\n\nPORT=8001\nexport SIGNUP = open\nSECRET_KEY="a=b\'c"\nBASE_URL=\nnonsense\n')
    assert read_env_file(file) == {
        "PORT": "8001",
        "SIGNUP": "open",
        "SECRET_KEY": "a=b'c",
        "BASE_URL": "",
    }
    assert read_env_file(tmp_path / "none") == {}


# Refusals ----------------------------------------------------------------------------------------------


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = supervise(PORT=str(port), DATA_DIR=str(tmp_path), DEMO_PORT="")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} is in use already. Stop the program that uses it")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_bad_setting_stops_the_start_with_its_sentence(tmp_path: Path) -> None:
    done = supervise(PORT=str(free_port()), DATA_DIR=str(tmp_path), DEMO_PORT="", SIGNUP="perhaps")
    assert done.returncode == 1
    assert "SIGNUP must be open, invitation or closed, and is 'perhaps'." in done.stderr
    assert "Traceback" not in done.stderr


# Hung --------------------------------------------------------------------------------------------------


def touch(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.touch()
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def test_who_gives_signs_is_not_hung(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    for now in range(0, 300, 30):
        touch(tmp_path, "worker", "beat")
        assert signs.hung(now, is_broker_up=True) is None


def test_a_silent_worker_is_hung_while_beat_sends(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    touch(tmp_path, "worker", "beat")
    assert signs.hung(0, is_broker_up=True) is None
    touch(tmp_path, "beat")
    assert signs.hung(SILENCE + 1, is_broker_up=True) == "worker"


def test_when_beat_is_silent_the_worker_is_not_to_blame(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    touch(tmp_path, "worker", "beat")
    assert signs.hung(0, is_broker_up=True) is None
    assert signs.hung(SILENCE + 1, is_broker_up=True) == "beat"


def test_without_a_broker_nobody_is_hung(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    touch(tmp_path, "worker", "beat")
    assert signs.hung(0, is_broker_up=True) is None
    assert signs.hung(SILENCE + 1, is_broker_up=False) is None


def test_who_starts_again_has_not_been_silent(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    touch(tmp_path, "worker", "beat")
    assert signs.hung(0, is_broker_up=True) is None
    signs.forget("worker")
    touch(tmp_path, "beat")
    assert signs.hung(SILENCE + 1, is_broker_up=True) is None


# Alive -------------------------------------------------------------------------------------------------

together = pytest.mark.xdist_group("supervisor")


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(is_new=True) as product:
        yield product


@together
@pytest.mark.slow
def test_when_it_says_ready_everything_answers(product: Product) -> None:
    assert requests.get(f"{product.base_url}/healthz", timeout=30).text == "ok"
    assert requests.get(product.demo_url, timeout=30).ok
    assert product.pids().keys() >= {"supervisor", "web", "worker", "beat", "demo"}
    assert len(set(product.pids().values())) == len(product.pids())
    assert product.text().count("/setup/") == 1
    assert product.setup_link
    assert product.setup_link.startswith(f"{product.base_url}/setup/")


@together
@pytest.mark.slow
def test_the_setup_link_is_in_no_log(product: Product) -> None:
    assert product.setup_link
    token = product.setup_link.split("/")[-2]
    logs = [path.read_text() for path in (product.data_dir / "logs").iterdir()]
    assert logs
    assert not any(token in log for log in logs)


@together
@pytest.mark.slow
def test_a_second_one_on_the_same_data_says_so_and_ends(product: Product) -> None:
    done = supervise(PORT=str(free_port()), DATA_DIR=str(product.data_dir), DEMO_PORT="")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"The product already runs on {product.data_dir} (process {product.pids()['supervisor']})"
    )


@together
@pytest.mark.slow
@pytest.mark.parametrize("name", ["web", "worker", "beat", "demo"])
def test_a_dead_process_is_started_again_and_said_so(product: Product, name: str) -> None:
    pid = product.kill(name)
    product.wait_for_another(name, pid)
    wait_until(lambda: f"{name} was ended by SIGKILL; starting it again" in product.text(), 30)
    assert not is_running(pid)


@together
@pytest.mark.slow
def test_a_killed_supervisor_leaves_no_process_and_the_next_start_takes_over(product: Product) -> None:
    left = [*product.pids().values(), *children_of(product.pids()["web"])]
    product.stop(signal.SIGKILL)
    wait_until(lambda: not any(is_running(pid) for pid in left), 30)

    product.start()

    assert requests.get(f"{product.base_url}/healthz", timeout=30).text == "ok"


@together
@pytest.mark.slow
def test_ctrl_c_stops_all_in_good_order(product: Product) -> None:
    left = [*product.pids().values(), *children_of(product.pids()["web"])]
    assert product.stop(signal.SIGINT) == 0
    assert not any(is_running(pid) for pid in left)
    assert not (product.data_dir / "processes.json").exists()


@pytest.mark.slow
def test_work_goes_on_after_the_broker_was_stopped_and_emptied() -> None:
    with Broker() as broker, Product(broker_url=broker.url, has_demo=False) as product:
        worker, beat = product.pids()["worker"], product.pids()["beat"]
        broker.stop()
        wait_until(lambda: "Connection to broker lost" in product.log("worker"), 30, product.text)
        broker.start()
        sign = product.data_dir / "run" / "worker"
        before = sign.stat().st_mtime_ns

        wait_until(lambda: sign.stat().st_mtime_ns > before, 60, product.text)

        assert (product.pids()["worker"], product.pids()["beat"]) == (worker, beat), "by themselves"
        assert product.stop(signal.SIGTERM) == 0
