"""What goes out with the code: the list of settings, the compose file, the image, the lock."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as django_settings

from config import gunicorn

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def names_in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_is_in_the_example() -> None:
    settings = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r"(?:read|kept_key|env\.\w+)\(\s*\"([A-Z_]+)\"", settings))
    elsewhere = {"LISTEN_HOST", "WEB_WORKERS", "DEMO_PORT"}
    # Read by their pattern, so that the example has those of one provider.
    elsewhere |= {"PRESET_SLACK_CLIENT_ID", "PRESET_SLACK_CLIENT_SECRET"}
    composed = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert len(read) > 10
    assert names_in_example() == read | elsewhere | composed


def test_the_example_is_a_working_configuration(tmp_path: Path) -> None:
    from config.supervisor import read_env_file

    command = ["-c", "import config.settings as s; print(s.BASE_URL, s.SIGNUP, s.RUN_MAX_BYTES)"]
    environment = {**read_env_file(ROOT / ".env.example"), "DATA_DIR": str(tmp_path)}
    python = sys.executable
    done = subprocess.run(
        [python, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["http://localhost:8000", "invitation", str(10 * 2**30)], done.stderr


def composed(**variables: str) -> dict[str, Any]:
    """The compose file as the client reads it: variables filled in, `:?` an error, anchors merged."""

    def fill(match: re.Match[str]) -> str:
        name, _, rest = match[1].partition(":")
        if value := variables.get(name):
            return value
        if rest.startswith("-"):
            return rest[1:]
        raise LookupError(rest[1:])

    document: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{([^}]+)\}", fill, COMPOSE))
    return document


NEEDED = {
    "BASE_URL": "https://connector.example.org",
    "SECRET_KEY": "s" * 64,
    "ENCRYPTION_KEYS": f"1:{'A' * 43}=",
    "POSTGRES_PASSWORD": "p4ss",
}


def test_compose_starts_web_worker_scheduler_postgres_and_redis_in_order() -> None:
    services = composed(**NEEDED)["services"]
    assert services.keys() == {"migrate", "web", "worker", "scheduler", "postgres", "redis"}
    for name in ("web", "worker", "scheduler"):
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
        }
        assert services[name]["env_file"] == ".env"
    for name in ("worker", "scheduler", "postgres", "redis"):
        assert services[name]["healthcheck"]["test"], name
    assert "demo" not in str(services).lower()


@pytest.mark.requirement("R32", "R34")
def test_who_is_asked_to_stop_has_the_time_for_a_refresh_that_is_under_way() -> None:
    services = composed(**NEEDED)["services"]
    allowed = {name: int(services[name]["stop_grace_period"].removesuffix("s")) for name in ("web", "worker")}
    assert gunicorn.graceful_timeout > django_settings.REFRESH_SECONDS
    assert min(allowed.values()) > gunicorn.graceful_timeout


@pytest.mark.parametrize("name", NEEDED)
def test_compose_names_a_variable_that_is_missing(name: str) -> None:
    with pytest.raises(LookupError, match=f"set {name} in .env"):
        composed(**{**NEEDED, name: ""})


def test_redis_never_throws_the_queue_away() -> None:
    command = composed(**NEEDED)["services"]["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"


def test_the_image_has_what_the_product_imports_and_nothing_of_the_tests() -> None:
    copied = re.findall(r"^COPY ([a-z]\S*) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sent = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(sent)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "demo_api", "bench"}
    assert packages <= set(copied)
    assert not {"tests", "demo_api", "requirements-dev.txt", ".env"} & set(copied)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-uv.txt"])
def test_the_lock_names_no_host_and_every_pin_has_a_hash(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not re.search(r"https?://|--index|--find-links", lock)
    pins = re.findall(r"^[a-z0-9][^\n]*==[^\n]*", lock, re.MULTILINE)
    assert pins
    assert all(pin.endswith("\\") for pin in pins)
