"""Making a team as a file says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Role, Team

from .changes import Changes
from .checking import check_keys, named_entries
from .connections import apply_connection
from .errors import refuse
from .members import apply_user
from .saved_requests import apply_request
from .variables import apply_variable, variable_entries


class _Rollback(Exception):
    """Ends a rehearsal."""


def apply(document: Mapping[str, Any], *, now: datetime, is_rehearsal: bool = False) -> Changes:
    """Make the team as the document says; rehearsed, nothing stays. Raises InvalidManifest."""
    changes = Changes()
    try:
        with transaction.atomic():
            _apply(document, changes, now)
            if is_rehearsal:
                raise _Rollback
    except _Rollback:
        pass
    return changes


def _apply(document: Mapping[str, Any], changes: Changes, now: datetime) -> None:
    check_keys("file", document, ("team", "users", "connections", "variables", "requests"))
    name = document.get("team")
    if not isinstance(name, str) or not name.strip() or len(name) > 100 or "\0" in name:
        refuse("team", "give the team a name of at most 100 characters")
    found = list(Team.objects.filter(name=name.strip())[:2])
    if len(found) > 1:
        refuse("team", f"there are several teams called {name}; rename one of them")
    team = found[0] if found else Team.objects.found(name.strip())
    changes.note(f"team {team}", [], is_new=not found)
    for where, entry in named_entries(document, "users"):
        apply_user(team, where, entry, changes)
    if not found and not team.memberships.filter(role=Role.OWNER).exists():
        refuse("users", f"the team {team} is new: name at least one user with the role owner")
    for where, entry in named_entries(document, "connections"):
        apply_connection(team, where, entry, changes, now)
    for where, entry in variable_entries(document):
        apply_variable(team, where, entry, changes, now)
    for where, entry in named_entries(document, "requests"):
        apply_request(team, where, entry, changes, now)
