"""Rows for tests, made with as few words as a test needs to say."""

from datetime import datetime, timedelta
from typing import Any

import factory

from accounts.models import Membership, Role, Team, User
from connections.models import Connection, ConnectionState, Token
from requests_builder.models import SavedRequest, Table


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")


class TeamFactory(factory.django.DjangoModelFactory[Team]):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    slug = factory.Sequence(lambda n: f"team-{n}")


class ConnectionFactory(factory.django.DjangoModelFactory[Connection]):
    class Meta:
        model = Connection

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Connection {n}")
    authorization_url = "https://provider.example/oauth/authorize"
    token_url = "https://provider.example/oauth/token"
    client_id = "client"
    client_secret = "client-secret"
    scopes = "contacts.read"


class TableFactory(factory.django.DjangoModelFactory[Table]):
    class Meta:
        model = Table

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"table_{n}")


class SavedRequestFactory(factory.django.DjangoModelFactory[SavedRequest]):
    class Meta:
        model = SavedRequest

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Request {n}")
    url = "https://api.example/contacts"


def member_of(team: Team, role: Role, **fields: Any) -> User:
    """A user with this role in the team."""
    user = UserFactory(**fields)
    Membership.objects.create(team=team, user=user, role=role)
    return user


def connected(
    connection: Connection, *, now: datetime, life: timedelta | None = timedelta(hours=1), **token: Any
) -> Token:
    """Give the connection a token, as though somebody had consented at `now`."""
    fields = {
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "expires_at": None if life is None else now + life,
    } | token
    connection.state, connection.state_changed_at = ConnectionState.CONNECTED, now
    connection.save()
    return Token.objects.create(connection=connection, obtained_at=now, **fields)
