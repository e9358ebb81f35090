"""Variables on their pages, in the builder, and what a request will send with them."""

from datetime import datetime
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Role, Team
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.forms import SavedRequestForm
from requests_builder.models import AuthorizationKind, RunState, SavedRequest, TeamVariable
from requests_builder.rendering import RequestTemplate
from requests_builder.variables import EXAMPLES, Known, fill
from tests import factories
from tests.requests_builder.conftest import CONTACTS, executed
from tests.requests_builder.pages import assert_costs_the_same, text

pytestmark = pytest.mark.django_db

LIST = "/t/acme/requests/variables/"
NEW = f"{LIST}new/"
WILL_SEND = "/t/acme/requests/will-send/"
SECRET = "s3cret-of-the-team"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def editor(client: Client, team: Team) -> Client:
    client.force_login(factories.member_of(team, Role.EDITOR))
    return client


def variable(team: Team, name: str = "region", value: str = "eu", **fields: Any) -> TeamVariable:
    return TeamVariable.objects.create(team=team, name=name, value=value, **fields)


def secret(team: Team, **fields: Any) -> TeamVariable:
    return variable(team, "key", SECRET, is_secret=True, **fields)


def using(team: Team, typed: str, **fields: Any) -> SavedRequest:
    return factories.SavedRequestFactory(
        team=team, headers=[["X", typed]], table=factories.TableFactory(team=team), **fields
    )


def page_of(found: TeamVariable) -> str:
    return f"{LIST}{found.pk}/"


def typed(variables: list[tuple[str, str]] | None = None, **fields: str) -> QueryDict:
    """The builder's form as a browser posts it."""
    data = QueryDict(mutable=True)
    data.update({"name": "Contacts", "method": "GET", "url": "https://api.example/contacts"} | fields)
    data.setlist("variables-name", [name for name, _ in variables or []])
    data.setlist("variables-value", [value for _, value in variables or []])
    return data


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 422
    errors: dict[str, list[str]] = response.context["form"].errors
    return errors


# The team's variables


def test_a_variable_is_added_and_listed_with_how_many_requests_use_it(editor: Client, team: Team) -> None:
    response = editor.post(NEW, {"name": "region", "value": "eu\r\nwest"}, follow=True)
    using(team, "{{ region }}")
    using(team, "{{ region }}", variables=[["region", "own"]])

    [found] = TeamVariable.objects.all()
    assert "region was saved." in text(response)
    assert (found.name, found.value, found.is_secret) == ("region", "eu\nwest", False)
    assert "region eu west – 1 " in text(editor.get(LIST))
    assert AuditEntry.objects.get().object_name == "region"


def test_a_secret_is_never_shown_again_and_blank_keeps_it(editor: Client, team: Team) -> None:
    editor.post(NEW, {"name": "key", "value": f" {SECRET}\n", "is_secret": "on", "hosts": "api.example.com"})
    [found] = TeamVariable.objects.all()

    pages = [editor.get(address).content.decode() for address in (LIST, page_of(found))]
    refused = editor.post(NEW, {"name": "1", "value": "typed-anew", "is_secret": "on"})
    editor.post(
        page_of(found), {"name": "api_key", "value": "", "is_secret": "on", "hosts": "api.example.com"}
    )

    found.refresh_from_db()
    assert (found.name, found.value, found.hosts) == ("api_key", SECRET, ["api.example.com"])
    assert not any(SECRET in page for page in pages)
    assert "typed-anew" not in refused.content.decode()
    assert bytes(TeamVariable.objects.values_list("value", flat=True)[0]).find(SECRET.encode()) == -1


@pytest.mark.parametrize(
    ("posted", "is_asked"),
    [
        ({"is_secret": "on", "hosts": "a.example"}, False),
        ({"is_secret": "on", "hosts": "a.example b.example"}, False),
        ({"is_secret": "on", "hosts": "a.example, evil.example"}, True),
        ({"is_secret": "on", "hosts": ""}, True),
        ({"hosts": "a.example"}, True),
    ],
)
def test_a_secret_is_entered_again_where_it_would_get_into_other_hands(
    editor: Client, team: Team, posted: dict[str, str], is_asked: bool
) -> None:
    found = secret(team, hosts=["a.example", "b.example"])

    response = editor.post(page_of(found), {"name": "key", "value": "", **posted})

    if is_asked:
        assert "Enter it again" in errors_of(response)["value"][0]
        found.refresh_from_db()
        assert (found.hosts, found.is_secret) == (["a.example", "b.example"], True)
    else:
        assert response.status_code == 302
    assert editor.post(page_of(found), {"name": "key", "value": "new", **posted}).status_code == 302


@pytest.mark.parametrize(
    ("posted", "field", "words"),
    [
        ({"name": "", "value": "x"}, "name", "required"),
        ({"name": "my name", "value": "x"}, "name", "cannot be the name of a variable"),
        ({"name": "today", "value": "x"}, "name", "mean something already"),
        ({"name": "connection.x", "value": "x"}, "name", "mean something already"),
        ({"name": "region", "value": "x"}, "name", "has a variable region already"),
        ({"name": "key", "value": "", "is_secret": "on"}, "value", "Enter the secret"),
        ({"name": "a", "value": "x" * 20_001}, "value", "longer than 20,000"),
        ({"name": "timezone", "value": "Berlin"}, "value", "such as Europe/Berlin"),
        ({"name": "key", "value": "x", "is_secret": "on", "hosts": "a@b"}, "hosts", "a@b: "),
        ({"name": "key", "value": "x", "is_secret": "on", "hosts": "http://[::1"}, "hosts", "http://[::1"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    editor: Client, team: Team, posted: dict[str, str], field: str, words: str
) -> None:
    variable(team)

    errors = errors_of(editor.post(NEW, posted))

    assert words in errors[field][0]
    assert TeamVariable.objects.count() == 1


def test_before_a_variable_is_deleted_the_requests_that_use_it_are_named(editor: Client, team: Team) -> None:
    found = variable(team)
    user = using(team, "{{ region }}", name="Contacts of Europe")
    by_token = factories.SavedRequestFactory(
        team=team, name="By token", authorization_kind=AuthorizationKind.BEARER, secret="{{ region }}"
    )

    page = text(editor.get(f"{page_of(found)}delete/"))
    editor.post(f"{page_of(found)}delete/")

    assert user.name in page
    assert by_token.name in page
    assert not TeamVariable.objects.exists()
    user.refresh_from_db()
    assert user.version == 2


def test_another_value_makes_runs_under_way_begin_anew_and_another_secret_does_not(
    editor: Client, team: Team
) -> None:
    plain, key = variable(team), secret(team)
    with_plain, with_key, without = using(team, "{{ region }}"), using(team, "{{ key }}"), using(team, "x")

    editor.post(page_of(plain), {"name": "region", "value": "us"})
    editor.post(page_of(key), {"name": "key", "value": "renewed", "is_secret": "on"})

    versions = dict(SavedRequest.objects.values_list("pk", "version"))
    assert (versions[with_plain.pk], versions[with_key.pk], versions[without.pk]) == (2, 1, 1)


def test_viewers_see_the_list_without_buttons(client: Client, team: Team) -> None:
    secret(team)
    client.force_login(factories.member_of(team, Role.VIEWER))

    page = client.get(LIST).content.decode()

    assert "Add variable" not in page
    assert "Delete" not in page
    assert SECRET not in page


def test_the_list_costs_the_same_for_many(editor: Client, team: Team) -> None:
    assert_costs_the_same(
        editor,
        LIST,
        lambda count: [variable(team, f"v{TeamVariable.objects.count()}_{index}") for index in range(count)],
    )


# The builder


def test_variables_of_a_request_are_saved_and_shown(editor: Client, team: Team) -> None:
    editor.post("/t/acme/requests/new/", dict(typed([("page_size", "50"), ("", "")]).lists()))

    [saved] = SavedRequest.objects.all()
    assert saved.variables == [["page_size", "50"]]
    page = editor.get(f"/t/acme/requests/{saved.pk}/").content.decode()
    assert 'name="variables-name" value="page_size"' in page
    assert 'name="variables-value" value="50"' in page


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a b", "1")], "cannot be the name"),
        ([("now", "1")], "mean something already"),
        ([("a", "1"), ("a", "2")], "is there twice"),
        ([("", "1")], "no name"),
        ([(f"v{number}", "") for number in range(101)], "at most 100"),
        ([("timezone", "Mars/Olympus")], "such as Europe/Berlin"),
    ],
)
def test_variables_of_a_request_are_judged_at_their_field(
    team: Team, rows: list[tuple[str, str]], words: str
) -> None:
    form = SavedRequestForm(typed(rows), instance=SavedRequest(team=team), team=team)

    assert words in form.errors["variables"][0]


def test_an_unknown_name_is_told_at_the_field_where_it_stands(team: Team) -> None:
    variable(team)
    data = typed([("size", "1")], url="https://api.example/{{ regoin }}", body_kind="raw", body="{{ sise }}")
    data.update({"authorization_kind": "bearer", "bearer_token": "{{ tokn }}"})

    form = SavedRequestForm(data, instance=SavedRequest(team=team), team=team)

    assert {name: form.errors[name][0].partition(" is unknown. ")[2] for name in form.errors} == {
        "url": "Did you mean {{ region }}? For text in braces write \\{{.",
        "body": "Did you mean {{ size }}? For text in braces write \\{{.",
        "bearer_token": "Known: region, size. Add others under Settings → Variables. "
        "For text in braces write \\{{.",
    }


def test_a_host_that_a_secret_may_not_go_to_is_told_at_the_url(team: Team) -> None:
    secret(team, hosts=["api.example.com"])
    data = typed(url="https://api.example/?k={{ key }}")

    form = SavedRequestForm(data, instance=SavedRequest(team=team), team=team)

    assert form.errors["url"].as_data()[0].code == "host_not_allowed_for_variable"


def test_a_stored_secret_is_asked_for_again_when_a_variable_leads_to_another_host(team: Team) -> None:
    host = variable(team, "host", "api.example")
    bearer = {"url": "https://{{ host }}/a", "authorization_kind": "bearer"}
    form = SavedRequestForm(
        typed(**bearer, bearer_token="t0ken"), instance=SavedRequest(team=team), team=team
    )
    assert form.is_valid(), form.errors
    form.save_request()
    saved = SavedRequest.objects.get()
    assert saved.secret_origin == "https://api.example"

    def again() -> SavedRequestForm:
        stored = SavedRequest.objects.get()
        return SavedRequestForm(typed(**bearer), instance=stored, team=team)

    assert again().is_valid()
    host.value = "evil.example"
    host.save()
    assert "Enter it again: the address changed" in again().errors["bearer_token"][0]


def test_an_imported_request_may_wait_for_its_variables_but_its_secret_goes_to_no_host_of_theirs(
    team: Team, now: datetime
) -> None:
    form = SavedRequestForm(
        typed(url="https://{{ base }}/a", authorization_kind="bearer", bearer_token="t0ken"),
        instance=SavedRequest(team=team),
        team=team,
        lets_undefined=True,
    )
    assert form.is_valid(), form.errors
    form.save_request()

    saved = SavedRequest.objects.get()
    assert executed(runs.request_run(saved, user=None, now=now), now).error_code == "undefined_variable"
    variable(team, "base", "evil.example")
    run = executed(runs.request_run(saved, user=None, now=now), now)
    assert run.error_code == "host_not_allowed_for_secret"


def test_a_variable_in_place_of_a_token_goes_wherever_the_request_goes(team: Team) -> None:
    secret(team)
    variable(team, "host", "api.example")
    bearer = {"url": "https://{{ host }}/a", "authorization_kind": "bearer"}
    form = SavedRequestForm(
        typed(**bearer, bearer_token="{{ key }}"), instance=SavedRequest(team=team), team=team
    )
    assert form.is_valid(), form.errors
    form.save_request()
    TeamVariable.objects.filter(name="host").delete()
    variable(team, "host", "other.example")

    stored = SavedRequest.objects.get()
    form = SavedRequestForm(typed(**bearer), instance=stored, team=team)

    assert form.is_valid(), form.errors
    assert stored.secret_origin == ""
    assert "{{ key }}" in str(form.fields["bearer_token"].help_text)


# What will be sent


def test_what_will_be_sent_is_shown_with_secrets_masked_and_nothing_leaves(
    editor: Client, team: Team, provider: DemoServer
) -> None:
    secret(team)
    data = typed(
        [("size", "50")],
        url=f"{provider.url}{CONTACTS}?size={{{{ size }}}}&k={{{{ key }}}}&d={{{{ today }}}}",
        authorization_kind="basic",
        username="{{ key }}",
        password="typed-password",
    )

    page = editor.post(WILL_SEND, dict(data.lists()), headers=HTMX).content.decode()

    assert f"GET {provider.url}{CONTACTS}?size=50&amp;k=•••&amp;d={timezone.now():%Y-%m-%d}" in page
    assert "Authorization: Basic •••" in page
    assert "typed-password" not in page
    assert SECRET not in page
    assert provider.requests == []
    assert not SavedRequest.objects.exists()


def test_what_is_undefined_is_named_beside_what_is_not(editor: Client, team: Team) -> None:
    data = typed([("a", "1")], url="https://api.example/{{ a }}/{{ b }}", authorization_kind="bearer")

    page = text(editor.post(WILL_SEND, dict(data.lists()), headers=HTMX))

    assert "{{ b }} is unknown." in page
    assert "GET https://api.example/1/{{ b }}" in page


def test_a_stored_secret_is_masked_in_what_will_be_sent(editor: Client, team: Team) -> None:
    saved = factories.SavedRequestFactory(
        team=team,
        authorization_kind=AuthorizationKind.API_KEY,
        api_key_name="X-Key",
        secret="stored-key",
    )
    data = typed(
        authorization_kind="api_key", api_key_name="X-Key", pagination_kind="page", page_parameter="p"
    )

    page = text(editor.post(f"/t/acme/requests/{saved.pk}/will-send/", dict(data.lists())))

    assert "X-Key: •••" in page
    assert "stored-key" not in page
    assert "contacts?p=1" in page


def test_a_request_of_which_nothing_is_right_is_shown_as_typed(editor: Client, team: Team) -> None:
    data = typed(url="", method="", timeout_seconds="x", body_kind="form", authorization_kind="basic")

    assert editor.post(WILL_SEND, dict(data.lists()), headers=HTMX).status_code == 200


def test_every_example_is_one(now: datetime) -> None:
    values = Known(
        now, connection={"instance_url": "x"}, run={"id": "1", "due_at": now}, last_run={"due_at": now}
    )
    for written, _ in EXAMPLES:
        fill(RequestTemplate("GET", "https://a.example/", headers=(("X", written),)), values)


def test_run_and_run_now_fill_the_same(
    editor: Client, team: Team, provider: DemoServer, now: datetime
) -> None:
    variable(team, "size", "7")
    saved = factories.SavedRequestFactory(
        team=team,
        url=f"{provider.url}{CONTACTS}?per_page={{{{ size }}}}",
        records_path="data",
        table=factories.TableFactory(team=team),
    )

    shown = runs.preview(saved, now=now)
    run = executed(runs.request_run(saved, user=None, now=now), now)

    assert (shown.record_count, run.rows, run.state) == (7, 7, RunState.SUCCEEDED)
