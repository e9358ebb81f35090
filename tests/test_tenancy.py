"""The wall between teams, at every address that names one.

A new route needs an entry in WALL, or the first test fails and names it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import invitations
from accounts.models import Membership, Role, Team, User
from connections.models import Notice, NoticeKind, TeamPreset
from requests_builder import importing, imports, samples
from requests_builder.models import (
    Batch,
    Channel,
    ChannelKind,
    Row,
    Run,
    Schedule,
    TeamVariable,
    Trigger,
)
from requests_builder.tables import feeds
from tests import factories
from tests.factories import (
    ConnectionFactory,
    SavedRequestFactory,
    TableFactory,
    TeamFactory,
    UserFactory,
    member_of,
)

Arguments = Callable[[Team], dict[str, Any]]


def nothing(team: Team) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Door:
    """Who may open an address: the least role for each method that it answers, and its other arguments."""

    get: Role | None = None
    post: Role | None = None
    arguments: Arguments = nothing
    # Whether the arguments name something of the team's, and not of the catalogue.
    has_object: bool = True

    @property
    def methods(self) -> dict[str, Role]:
        return {name: role for name, role in (("get", self.get), ("post", self.post)) if role}


def member(team: Team) -> dict[str, Any]:
    return {"member": Membership.objects.get(team=team, user=member_of(team, Role.VIEWER)).pk}


def invitation(team: Team) -> dict[str, Any]:
    admin = Membership.objects.get(team=team, user=member_of(team, Role.ADMIN))
    found, _ = invitations.invite("invited@example.org", Role.VIEWER, by=admin, now=timezone.now())
    return {"invitation": found.pk}


def connection(team: Team) -> dict[str, Any]:
    return {"uuid": ConnectionFactory(team=team).pk}


def notice(team: Team) -> dict[str, Any]:
    opened = Notice.objects.create(team=team, kind=NoticeKind.ENDING, opened_at=timezone.now())
    return {"uuid": opened.pk}


def connected(team: Team) -> dict[str, Any]:
    found = ConnectionFactory(team=team)
    factories.connected(found, now=timezone.now())
    return {"uuid": found.pk}


def preset(team: Team) -> dict[str, Any]:
    return {"preset": "slack"}


def team_preset(team: Team) -> dict[str, Any]:
    return {"uuid": TeamPreset.objects.create(team=team, name="CRM").pk}


def saved_request(team: Team) -> dict[str, Any]:
    return {"uuid": SavedRequestFactory(team=team).pk}


def schedule(team: Team) -> dict[str, Any]:
    scheduled = SavedRequestFactory(team=team)
    rule = {"every": "1 hour"}
    Schedule.objects.create(saved_request=scheduled, rule=rule, next_at=timezone.now())
    return {"uuid": scheduled.pk}


def channel(team: Team) -> dict[str, Any]:
    made = Channel.objects.create(team=team, kind=ChannelKind.WEBHOOK, name="On-call", secret="whsec_AAAA")
    return {"uuid": made.pk}


def channel_kind(team: Team) -> dict[str, Any]:
    return {"kind": "slack"}


def variable(team: Team) -> dict[str, Any]:
    return {"uuid": TeamVariable.objects.create(team=team, name="region", value="eu").pk}


def run(team: Team) -> dict[str, Any]:
    moment = timezone.now()
    saved = SavedRequestFactory(team=team)
    found = Run.objects.create(
        team=team, saved_request=saved, trigger=Trigger.MANUAL, due_at=moment, not_before=moment
    )
    return {"uuid": found.pk}


def answer(team: Team) -> dict[str, Any]:
    """Of whoever joined last, for an answer is its reader's alone."""
    last = team.memberships.order_by("-pk").first()
    user = last.user if last else member_of(team, Role.EDITOR)
    body = b'{"data": [1]}'
    kept = samples.keep(
        team, user, url="https://a.example/", status=200, headers=(), body=body, now=timezone.now()
    )
    return {"uuid": kept}


def imported(team: Team) -> dict[str, Any]:
    """A file that the newest member has brought: it is found by nobody else."""
    membership = Membership.objects.filter(team=team).order_by("pk").last()
    user = membership.user if membership else member_of(team, Role.EDITOR)
    contents = importing.parse_any("curl https://api.example/x")
    return {"uuid": imports.keep(team, user, contents, now=timezone.now()).id}


def table(team: Team) -> dict[str, Any]:
    return {"uuid": TableFactory(team=team).pk}


def table_file(team: Team) -> dict[str, Any]:
    return {**table(team), "format": "csv"}


def row(team: Team) -> dict[str, Any]:
    found = TableFactory(team=team)
    batch = Batch.objects.create(table=found, published_at=timezone.now(), rows_count=1)
    return {"uuid": found.pk, "row": Row.objects.create(batch=batch, data={}).pk}


def feed(team: Team) -> dict[str, Any]:
    found = TableFactory(team=team)
    made, _ = feeds.create(found, "Budget", user=UserFactory(), now=timezone.now())
    return {"uuid": found.pk, "feed": made.pk}


VIEWER, EDITOR, ADMIN, OWNER = Role

WALL = {
    # accounts
    "accounts:team": Door(get=VIEWER),
    "accounts:audit": Door(get=ADMIN),
    "accounts:team_leave": Door(get=VIEWER, post=VIEWER),
    "accounts:team_mails": Door(post=VIEWER),
    "accounts:team_rename": Door(get=ADMIN, post=ADMIN),
    "accounts:team_transfer": Door(get=OWNER, post=OWNER),
    "accounts:member_role": Door(post=ADMIN, arguments=member),
    "accounts:member_remove": Door(get=ADMIN, post=ADMIN, arguments=member),
    "accounts:invite": Door(get=ADMIN, post=ADMIN),
    "accounts:invitation_resend": Door(post=ADMIN, arguments=invitation),
    "accounts:invitation_withdraw": Door(post=ADMIN, arguments=invitation),
    # connections; nobody's connection is an admin's to manage, an editor's own is theirs
    "connections:list": Door(get=VIEWER),
    "connections:new": Door(get=EDITOR, post=EDITOR),
    "connections:detail": Door(get=VIEWER, arguments=connection),
    "connections:edit": Door(get=ADMIN, post=ADMIN, arguments=connection),
    "connections:authorize": Door(post=ADMIN, arguments=connection),
    "connections:presets": Door(get=EDITOR),
    "connections:preset": Door(get=EDITOR, post=EDITOR, arguments=preset, has_object=False),
    "connections:team_preset": Door(get=EDITOR, post=EDITOR, arguments=team_preset),
    "connections:team_preset_delete": Door(get=ADMIN, post=ADMIN, arguments=team_preset),
    "connections:save_as_preset": Door(get=ADMIN, post=ADMIN, arguments=connected),
    "connections:notice_dismiss": Door(post=VIEWER, arguments=notice),
    "connections:test": Door(post=EDITOR, arguments=connection),
    "connections:delete": Door(get=ADMIN, post=ADMIN, arguments=connection),
    # requests_builder
    "requests_builder:dashboard": Door(get=VIEWER),
    "requests_builder:request_list": Door(get=VIEWER),
    "requests_builder:request_new": Door(get=EDITOR, post=EDITOR),
    "requests_builder:request_import": Door(get=EDITOR, post=EDITOR),
    "requests_builder:request_import_curl": Door(post=EDITOR),
    "requests_builder:request_pick": Door(get=EDITOR, post=EDITOR, arguments=imported),
    "requests_builder:pagination_check": Door(post=EDITOR),
    "requests_builder:body_check": Door(post=EDITOR),
    "requests_builder:request_copy": Door(post=VIEWER),
    "requests_builder:request_try": Door(post=EDITOR),
    "requests_builder:request_second_page": Door(post=EDITOR),
    "requests_builder:request_second_page_saved": Door(post=EDITOR, arguments=saved_request),
    "requests_builder:try_progress": Door(get=EDITOR),
    "requests_builder:try_cancel": Door(post=EDITOR),
    "requests_builder:answer_branch": Door(get=EDITOR, arguments=answer),
    "requests_builder:answer_body": Door(get=EDITOR, arguments=answer),
    "requests_builder:connection_choices": Door(get=VIEWER),
    "requests_builder:request": Door(get=VIEWER, post=EDITOR, arguments=saved_request),
    "requests_builder:request_try_saved": Door(post=EDITOR, arguments=saved_request),
    "requests_builder:request_duplicate": Door(post=EDITOR, arguments=saved_request),
    "requests_builder:request_delete": Door(get=EDITOR, post=EDITOR, arguments=saved_request),
    "requests_builder:request_run_now": Door(post=EDITOR, arguments=saved_request),
    "requests_builder:request_reset": Door(get=EDITOR, post=EDITOR, arguments=saved_request),
    "requests_builder:request_watermark": Door(get=EDITOR, post=EDITOR, arguments=saved_request),
    "requests_builder:schedule": Door(get=EDITOR, post=EDITOR, arguments=saved_request),
    "requests_builder:schedule_page": Door(get=VIEWER, arguments=schedule),
    "requests_builder:schedule_backfill": Door(get=EDITOR, post=EDITOR, arguments=schedule),
    "requests_builder:schedule_backfill_stop": Door(post=EDITOR, arguments=schedule),
    "requests_builder:schedule_pause": Door(post=EDITOR, arguments=schedule),
    "requests_builder:schedule_resume": Door(post=EDITOR, arguments=schedule),
    "requests_builder:schedule_alerts": Door(get=EDITOR, post=EDITOR, arguments=schedule),
    "requests_builder:alerts": Door(get=VIEWER),
    "requests_builder:alert_rules": Door(get=EDITOR, post=EDITOR),
    "requests_builder:incident_list": Door(get=VIEWER),
    "requests_builder:channel_new": Door(get=EDITOR, post=EDITOR, arguments=channel_kind, has_object=False),
    "requests_builder:channel": Door(get=EDITOR, post=EDITOR, arguments=channel),
    "requests_builder:channel_test": Door(post=EDITOR, arguments=channel),
    "requests_builder:channel_switch": Door(post=EDITOR, arguments=channel),
    "requests_builder:channel_secret": Door(post=EDITOR, arguments=channel),
    "requests_builder:channel_delete": Door(get=EDITOR, post=EDITOR, arguments=channel),
    "requests_builder:schedule_delete": Door(get=EDITOR, post=EDITOR, arguments=schedule),
    "requests_builder:request_mapping": Door(post=EDITOR),
    "requests_builder:request_will_send": Door(post=VIEWER),
    "requests_builder:request_will_send_saved": Door(post=VIEWER, arguments=saved_request),
    "requests_builder:variable_list": Door(get=VIEWER),
    "requests_builder:variable_new": Door(get=EDITOR, post=EDITOR),
    "requests_builder:variable": Door(get=EDITOR, post=EDITOR, arguments=variable),
    "requests_builder:variable_delete": Door(get=EDITOR, post=EDITOR, arguments=variable),
    "requests_builder:schedule_list": Door(get=VIEWER),
    "requests_builder:schedule_preview": Door(post=EDITOR),
    "requests_builder:run_list": Door(get=VIEWER),
    "requests_builder:run": Door(get=VIEWER, arguments=run),
    "requests_builder:run_compare": Door(get=VIEWER, arguments=run),
    "requests_builder:run_cancel": Door(post=EDITOR, arguments=run),
    "requests_builder:run_delete_missing": Door(post=EDITOR, arguments=run),
    "requests_builder:table_list": Door(get=VIEWER),
    "requests_builder:table": Door(get=VIEWER, arguments=table),
    "requests_builder:table_download": Door(get=VIEWER, arguments=table_file),
    "requests_builder:table_row": Door(get=VIEWER, arguments=row),
    "requests_builder:table_runs": Door(get=VIEWER, arguments=table),
    "requests_builder:table_feeds": Door(get=VIEWER, post=EDITOR, arguments=table),
    "requests_builder:feed_revoke": Door(post=EDITOR, arguments=feed),
    "requests_builder:table_delete": Door(get=EDITOR, post=EDITOR, arguments=table),
}


def team_routes(
    resolver: URLResolver | None = None, namespace: str = "", names: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The full name of each route whose address names a team."""
    for pattern in (resolver or get_resolver()).url_patterns:
        arguments = names | set(pattern.pattern.converters) | set(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from team_routes(pattern, inner, arguments)
        elif isinstance(pattern, URLPattern) and "team" in arguments:
            yield f"{namespace}{pattern.name or pattern.pattern}"


ROUTES = sorted(set(team_routes()))
KNOWN = [route for route in ROUTES if route in WALL]
WITH_OBJECT = [route for route in KNOWN if WALL[route].has_object and WALL[route].arguments is not nothing]


def answers(route: str, client: Client, team: Team, arguments: dict[str, Any]) -> dict[str, Any]:
    """The response for each method."""
    path = reverse(route, kwargs={"team": team.slug, **arguments})
    return {method: getattr(client, method)(path) for method in WALL[route].methods}


def statuses(route: str, client: Client, team: Team, arguments: dict[str, Any]) -> set[int]:
    return {response.status_code for response in answers(route, client, team, arguments).values()}


def test_every_address_of_a_team_has_its_place_in_the_wall() -> None:
    missing = [route for route in ROUTES if route not in WALL]
    gone = [route for route in WALL if route not in ROUTES]

    assert not missing, (
        f"Add to WALL in tests/test_tenancy.py (least role for each method, arguments): {missing}"
    )
    assert not gone, f"Take out of WALL in tests/test_tenancy.py, these routes are gone: {gone}"


@pytest.mark.parametrize("route", KNOWN)
def test_who_is_not_signed_in_is_sent_to_sign_in(client: Client, team: Team, route: str) -> None:
    for response in answers(route, client, team, WALL[route].arguments(team)).values():
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/?next=/t/acme/")


@pytest.mark.parametrize("route", KNOWN)
@pytest.mark.requirement("R62")
def test_a_stranger_and_the_owner_of_another_team_find_nothing(
    client: Client, team: Team, route: str
) -> None:
    arguments = WALL[route].arguments(team)

    for user in (UserFactory(), member_of(TeamFactory(), Role.OWNER)):
        client.force_login(user)
        assert statuses(route, client, team, arguments) == {404}


@pytest.mark.parametrize("route", WITH_OBJECT)
@pytest.mark.requirement("R62")
def test_another_teams_object_is_not_found_under_ones_own_address(
    client: Client, team: Team, route: str
) -> None:
    own = TeamFactory()
    client.force_login(member_of(own, Role.OWNER))

    assert statuses(route, client, own, WALL[route].arguments(team)) == {404}


@pytest.mark.parametrize("route", KNOWN)
@pytest.mark.requirement("R62")
def test_a_removed_member_finds_nothing(client: Client, team: Team, route: str) -> None:
    user = member_of(team, Role.OWNER)
    client.force_login(user)
    client.get("/t/acme/team/")
    Membership.objects.filter(user=user).delete()

    assert statuses(route, client, team, WALL[route].arguments(team)) == {404}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", KNOWN)
def test_a_member_gets_as_far_as_the_role_reaches(
    client: Client, team: Team, owner: User, route: str, role: Role
) -> None:
    client.force_login(member_of(team, role))

    for method, response in answers(route, client, team, WALL[route].arguments(team)).items():
        if role.includes(WALL[route].methods[method]):
            assert response.status_code in (200, 204, 302, 303, 422), method
        else:
            assert response.status_code == 403, method
