"""Who hears of a connection by mail: those who can act, at an address that they have shown to be theirs."""

from collections.abc import Iterable

from django.db.models import QuerySet

from accounts.models import Membership, Role, Team
from connections.models import Connection


def hearing(team: Team) -> "QuerySet[Membership]":
    """The members who want to be written to, and may manage connections, if only their own."""
    roles = [role for role in Role if role.includes(Role.EDITOR)]
    members = team.memberships.select_related("user").order_by("pk")
    return members.filter(user__is_active=True, hears_of_connections=True, role__in=roles)


def who_hear(team: Team, connections: Iterable[Connection]) -> list[Membership]:
    """Those who may manage at least one of these connections of the team, and have an address."""
    hit = list(connections)
    return [
        member
        for member in hearing(team)
        if any(connection.is_managed_by(member) for connection in hit) and member.user.verified_address
    ]
