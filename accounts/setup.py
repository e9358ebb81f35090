"""The first account of an installation."""

from datetime import datetime

from django.db import transaction

from accounts import teams
from accounts.models import SetupLink, Team, User


class Closed(Exception):
    """The link is used, expired or unknown; `SetupLink.state_of` says which."""


@transaction.atomic
def set_up(
    token: str, *, email: str, password: str, name: str, team_name: str, now: datetime
) -> tuple[User, Team]:
    """Use up the link and make the first user, who owns the first team.

    Raises Closed, then nothing has changed. Of two uses at the same moment one makes the account.
    """
    if not SetupLink.claim(token, now) or User.objects.exists():
        raise Closed
    user = User.objects.create_verified(email, password, name=name)
    return user, teams.found(team_name, owner=user)
