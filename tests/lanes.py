"""Where the tests run, and what this machine lacks for some of them.

There are two lanes: SQLite with the embedded broker, and PostgreSQL with Redis. A test that needs a part
which is missing (a browser, Node.js, a server) is skipped and says so; `bin/test` repeats that in its last
lines. With `CI=true` or `REQUIRE_EVERYTHING=1` nothing may be missing: then such a test fails.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
import pytest
import redis

TEST_DATABASE_URL = os.environ.get("TEST_DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
TEST_REDIS_URL = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/9"

HERE = Path(__file__).parent
JOURNEYS, CHAOS = HERE / "journeys", HERE / "chaos"
# What a developer has in the environment or in `.env` must not decide how a test ends.
NEUTRAL = {
    "BASE_URL": "",
    "BROKER_URL": "",
    "DATABASE_URL": "",
    "DEBUG": "false",
    "EMAIL_URL": "",
    "ENCRYPTION_KEYS": "",
    "LISTEN_HOST": "127.0.0.1",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "INFO",
    "METRICS_TOKEN": "",
    "OUTBOUND_ALLOW": "",
    "PORT": "8000",
    "PROVIDERS_FILE": "",
    "REQUEST_ID_HEADER": "",
    "SECRET_KEY": "",
    "SIGNUP": "invitation",
}


def is_postgres_lane() -> bool:
    """Whether this test run is the one on PostgreSQL."""
    return os.environ.get("DATABASE_URL", "").startswith("postgres")


@cache
def find_chromium() -> str | None:
    """The path of a Chromium or Chrome; `CHROMIUM` names one that is not on PATH."""
    on_mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", on_mac)
    return next((path for name in names if name and (path := shutil.which(name))), None)


@cache
def why_no_browser() -> str | None:
    """None, or the reason for which no browser can be driven here."""
    return None if find_chromium() else "there is no Chromium or Chrome on PATH (CHROMIUM may name one)"


@cache
def why_no_node() -> str | None:
    """None, or the reason for which Node.js cannot be used here. Installs package-lock.json if need be."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"there is no {program} on PATH"
    node_modules = Path(__file__).resolve().parent.parent / "bin" / "node-modules"
    installed = subprocess.run([node_modules], capture_output=True, text=True, check=False)
    return None if installed.returncode == 0 else f"npm ci failed: {installed.stderr.strip()[-200:]}"


@cache
def why_no_postgres() -> str | None:
    """None, or the reason for which there is no PostgreSQL to test with."""
    try:
        psycopg.connect(TEST_DATABASE_URL, connect_timeout=3).close()
    except psycopg.Error:
        return "no PostgreSQL answers at TEST_DATABASE_URL (by default 127.0.0.1:5432, user postgres)"
    return None


@cache
def why_no_redis() -> str | None:
    """None, or the reason for which there is no Redis to test with."""
    try:
        redis.Redis.from_url(TEST_REDIS_URL, socket_connect_timeout=3).ping()
    except redis.RedisError:
        return "no Redis or Valkey answers at TEST_REDIS_URL (by default 127.0.0.1:6379)"
    return None


@cache
def why_no_cluster() -> str | None:
    """None, or the reason for which no PostgreSQL cluster of our own can be made here."""
    if postgres_programs() is None:
        return "there is no initdb under /usr/lib/postgresql"
    if os.getuid() == 0 and not any(entry.pw_name == "postgres" for entry in pwd.getpwall()):
        return "root may not run PostgreSQL, and there is no user postgres"
    return None


def postgres_programs() -> Path | None:
    """The folder of initdb and its like, of the newest PostgreSQL that is installed as on Debian."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def why_not_linux() -> str | None:
    """None, or the reason for which processes cannot be looked into as Linux lets us."""
    return None if sys.platform == "linux" else "this is not Linux"


# Fixtures through which a test, or a process of its own, reaches the database.
REACHES_DATABASE = frozenset({"db", "transactional_db", "database_url", "processes", "callers", "product"})

# Fixtures that start processes once for all tests of a file.
SHARED_PROCESSES = frozenset({"processes", "callers", "product"})

PARTS: dict[str, Callable[[], str | None]] = {
    "browser": why_no_browser,
    "cluster": why_no_cluster,
    "linux": why_not_linux,
    "node": why_no_node,
    "postgres": why_no_postgres,
    "redis": why_no_redis,
}


def must_have_everything() -> bool:
    """Whether a missing part is a failure."""
    return os.environ.get("CI") == "true" or bool(os.environ.get("REQUIRE_EVERYTHING"))


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "browser: drives a real Chromium",
        "cluster: needs PostgreSQL's programs, for a server of its own",
        "linux: looks into processes as only Linux lets us",
        "node: needs Node.js (a real authorization server)",
        "postgres: needs a PostgreSQL server, in whichever lane",
        "redis: needs a Redis or Valkey server, in whichever lane",
        "postgres_lane: is about the server itself, which SQLite does not have",
        "sqlite_lane: is about SQLite itself",
        "long(variable): takes minutes, so it runs only where this variable is set in the environment",
        "requirement(*numbers): proves these requirements of an OAuth client, listed in docs/oauth.md",
        "both_lanes: although it needs a browser or Node.js, it runs on PostgreSQL, too",
    ):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to the other lane what belongs there: to SQLite most browsers, and what no database changes."""
    keep_together(items)
    elsewhere = [item for item in items if is_too_long(item)]
    if not is_postgres_lane():
        elsewhere += [item for item in items if item.get_closest_marker("postgres_lane")]
    elif os.environ.get("LANE"):
        elsewhere += [item for item in items if is_for_sqlite_lane(item)]
    config.hook.pytest_deselected(items=elsewhere)
    left = set(elsewhere)
    items[:] = [item for item in items if item not in left]
    items.sort(key=is_quick)


def is_quick(item: pytest.Item) -> bool:
    """Whether it need not be among the first: what takes minutes would otherwise be waited for at the end."""
    in_folder = item.path.is_relative_to
    return not (in_folder(JOURNEYS) or in_folder(CHAOS) or item.get_closest_marker("slow"))


def keep_together(items: list[pytest.Item]) -> None:
    """Let tests of a file that share processes follow one another: each start costs seconds of both cores.

    Journeys see to that themselves.
    """
    for item in items:
        is_journey = item.path.parent == JOURNEYS
        shares = not SHARED_PROCESSES.isdisjoint(getattr(item, "fixturenames", ()))
        if shares and not is_journey and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def is_too_long(item: pytest.Item) -> bool:
    """Whether nobody has asked for what takes minutes; a short form of it is among the other tests."""
    marker = item.get_closest_marker("long")
    return marker is not None and not os.environ.get(marker.args[0])


def is_for_sqlite_lane(item: pytest.Item) -> bool:
    """Whether the test need not run on PostgreSQL as well."""
    if item.get_closest_marker("both_lanes"):
        return False
    is_left = any(item.get_closest_marker(name) for name in ("browser", "node", "sqlite_lane"))
    return is_left or not touches_database(item)


def touches_database(item: pytest.Item) -> bool:
    """Whether the test, or a process that it starts, may reach the database of its lane."""
    if any(item.get_closest_marker(name) for name in ("django_db", "postgres", "redis", "slow")):
        return True
    is_about_processes = Path(__file__).parent / "config" in item.path.parents
    return is_about_processes or not REACHES_DATABASE.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, why_not in PARTS.items():
        if item.get_closest_marker(name) and (reason := why_not()):
            if must_have_everything():
                pytest.fail(f"left out: {reason}", pytrace=False)
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave the skipped tests, counted by reason, and the failed ones for `bin/test`."""
    if path := os.environ.get("LEFT_OUT_FILE"):
        skipped = terminalreporter.stats.get("skipped", [])
        reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
        Path(path).write_text(json.dumps(reasons))
    if path := os.environ.get("FAILED_FILE"):
        reports = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
        # Where tests go by groups, xdist appends the group's name.
        names = [re.sub(r"@[\w.-]+$", "", report.nodeid) for report in reports]
        Path(path).write_text(json.dumps(list(dict.fromkeys(names))))
