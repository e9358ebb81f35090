"""Which requests use which variables of their team, and what follows when one of those changes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import Team, User, Verb
from requests_builder import rendering, variables
from requests_builder.models import DecryptionFailed, SavedRequest, TeamVariable
from requests_builder.runs.templating import template_of, typed_authorization

VARIABLE = "variable"


def uses_of(team: Team) -> dict[str, list[SavedRequest]]:
    """The requests of a team by the names that they take from it: those that they do not have themselves."""
    uses: dict[str, list[SavedRequest]] = defaultdict(list)
    for saved_request in team.saved_requests.select_related("schedule").order_by("name"):
        own = {name for name, _ in saved_request.variables}
        for name in variables.names_in(_whole(saved_request)) - own:
            uses[name].append(saved_request)
    return uses


def begin_anew(team: Team, names: Iterable[str]) -> None:
    """Have runs under way of requests that use these begin anew: old and new pages are not mixed."""
    uses = uses_of(team)
    using = {saved_request.pk for name in names for saved_request in uses.get(name, [])}
    if using:
        SavedRequest.objects.filter(pk__in=using).update(version=F("version") + 1)


def delete_variable(variable: TeamVariable, *, user: User | None, now: datetime) -> None:
    """Remove a variable; requests that use it fail from now on, and name it."""
    with transaction.atomic():
        begin_anew(variable.team, [variable.name])
        audit.record(
            Verb.DELETED,
            team_id=variable.team_id,
            kind=VARIABLE,
            object_id=variable.pk,
            object_name=variable.name,
            user=user,
            now=now,
        )
        variable.delete()


def _whole(saved_request: SavedRequest) -> rendering.RequestTemplate:
    try:
        authorization = typed_authorization(saved_request)
    except DecryptionFailed:
        authorization = rendering.NoAuthorization()
    return replace(template_of(saved_request, has_files=False), authorization=authorization)
