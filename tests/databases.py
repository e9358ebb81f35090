"""The databases of the tests: copies of one that a test run migrates once.

To migrate an empty database takes seven seconds of CPU. Each worker of pytest needs one, and so does each
file of tests with processes of its own, and each product.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
# The environment variable by which all processes of a test run find what they share.
SHARED = "TEST_DATABASES"


def pytest_configure(config: pytest.Config) -> None:
    if is_first_process(config):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="test-databases-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_first_process(config) or not (shared := os.environ.pop(SHARED, None)):
        return
    made = Path(shared) / "url"
    if made.exists() and is_postgres(url := made.read_text()):
        drop(url)
    shutil.rmtree(shared, ignore_errors=True)


def is_first_process(config: pytest.Config) -> bool:
    """Whether this is no worker of pytest-xdist, but who starts them, or runs the tests alone."""
    return not hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> Iterator[None]:
    """Replaces pytest-django's own, which has Django create and migrate a database for each worker."""
    from django.db import connection

    with copy() as url:
        before = connection.settings_dict["NAME"]
        connection.close()
        # The very dictionary of the settings: threads of the tests connect by it, too.
        connection.settings_dict["NAME"] = name_of(url) if is_postgres(url) else str(file_of(url))
        yield
        connection.close()
        connection.settings_dict["NAME"] = before


@contextmanager
def copy() -> Iterator[str]:
    """The URL of a migrated, empty database of the lane; it is gone afterwards."""
    if is_postgres(template()):
        with copy_on_server() as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="test-database-") as folder:
        path = Path(folder) / "database.sqlite3"
        copy_to_file(path)
        yield f"sqlite:///{path}"


@contextmanager
def copy_on_server() -> Iterator[str]:
    url = database_of_settings(f"test_{secrets.token_hex(6)}")
    execute(f'CREATE DATABASE "{name_of(url)}" TEMPLATE "{name_of(template())}"')
    try:
        yield url
    finally:
        drop(url)


def copy_to_file(path: Path) -> None:
    """Copy the migrated, empty database to where there is none yet."""
    shutil.copyfile(file_of(template()), path)


@cache
def template() -> str:
    """The URL of the database that is only copied; whoever needs it first makes it, and the others wait."""
    shared = Path(os.environ[SHARED])
    made = shared / "url"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_text(create(shared))
        return made.read_text()


def create(folder: Path) -> str:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        url = f"sqlite:///{folder / 'template.sqlite3'}"
    else:
        url = database_of_settings(f"template_{secrets.token_hex(6)}")
        execute(f'CREATE DATABASE "{name_of(url)}"')
    migrated = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr
    return url


def is_postgres(url: str) -> bool:
    return url.startswith("postgres")


def database_of_settings(name: str) -> str:
    """The URL of a database of this name on the PostgreSQL server of the settings."""
    used = settings.DATABASES["default"]
    login = ":".join(quote(used[key], safe="") for key in ("USER", "PASSWORD") if used[key])
    return f"postgres://{login}@{used['HOST']}:{used['PORT'] or 5432}/{name}"


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def drop(url: str) -> None:
    execute(f'DROP DATABASE IF EXISTS "{name_of(url)}" WITH (FORCE)')


def execute(statement: str) -> None:
    """Have the server do what no transaction can."""
    server = database_of_settings("postgres")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(statement.encode())
