"""What every test may ask for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Role, Team, User
from tests import factories
from tests.written import Written

pytest_plugins = ["tests.lanes", "tests.databases", "tests.requirements"]

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """A fixed moment: noon of a Monday, in UTC."""
    return NOON


@pytest.fixture
def client() -> Client:
    """A browser at BASE_URL: whoever asks under another name is sent there."""
    return Client(headers={"host": urlsplit(settings.BASE_URL).netloc})


@pytest.fixture
def team(db: None) -> Team:
    return factories.TeamFactory(name="Acme", slug="acme")


@pytest.fixture
def owner(team: Team) -> User:
    return factories.member_of(team, Role.OWNER)


@pytest.fixture
def editor(team: Team) -> User:
    return factories.member_of(team, Role.EDITOR)


@pytest.fixture
def viewer(team: Team) -> User:
    return factories.member_of(team, Role.VIEWER)


@pytest.fixture
def format_name() -> str:
    """How the lines of the log look; a test may ask for the other way."""
    return "json"


@pytest.fixture
def written(format_name: str) -> Iterator[Written]:
    """What is logged meanwhile."""
    with Written(format_name).listening() as listening:
        yield listening
