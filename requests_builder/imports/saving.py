"""Several requests of a file, saved at once with the form that the builder uses."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from accounts.models import Team, User
from requests_builder import naming
from requests_builder.forms import SavedRequestForm
from requests_builder.models import SavedRequest

from .keeping import Item, locked, store
from .typed import Typed, secret_field

MOST_AT_ONCE = 200


class Saved(NamedTuple):
    """How many were saved, and how many could not be: those say why in the list."""

    done: int
    refused: int


@transaction.atomic
def save_several(
    team: Team,
    user: User,
    import_id: UUID,
    numbers: Collection[int],
    *,
    connection: str = "",
    secret: str = "",
    now: datetime,
) -> Saved | None:
    """Save these requests, each under a free name; None if the import is gone.

    `connection` is for those that want an access token, `secret` for those whose file does not hold theirs.
    One that is saved already is left alone: a second press of the button saves nothing twice.
    """
    with_lock = locked(team, user, import_id, now=now)
    if with_lock is None:
        return None
    found, stored = with_lock
    taken = set(team.saved_requests.values_list("name", flat=True))
    items: list[Item] = []
    done = refused = 0
    for item in found.items:
        if item.number not in numbers or item.typed is None or item.saved_as:
            items.append(item)
            continue
        name = naming.free_name(item.name, taken)
        form = SavedRequestForm(
            form_data(item.typed, name, connection=connection, secret=secret),
            instance=SavedRequest(team=team),
            team=team,
            user=user,
            lets_undefined=True,
        )
        if form.is_valid() and form.save_request():
            done += 1
            taken.add(name)
            items.append(replace(item, saved_as=str(form.instance.pk), problem=""))
        else:
            refused += 1
            items.append(replace(item, problem=_problem(form)))
    store(stored, replace(found, items=tuple(items)))
    return Saved(done, refused)


def form_data(typed: Typed, name: str, *, connection: str, secret: str) -> dict[str, Any]:
    """What the form is given for one request."""
    data: dict[str, Any] = {"follow_redirects": True, "name": name, **typed["fields"], **typed["pairs"]}
    if data["authorization_kind"] == "oauth":
        data["connection"] = connection
    if (wanted := secret_field(typed)) and secret:
        data[wanted] = secret
    return data


def _problem(form: SavedRequestForm) -> str:
    """The first thing that is wrong, with the name of its field."""
    for name, errors in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        return f"{label or name.capitalize()}: {errors[0]}"
    return ""
