"""Create Request: build, run once, save, duplicate, delete."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder.models import Row, Run, SavedRequest, Schedule, Table
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, cost, text

LIST, NEW, TRY = "/t/acme/requests/", "/t/acme/requests/new/", "/t/acme/requests/try/"
CHOICES = "/t/acme/requests/connections/"
HTMX = {"hx-request": "true"}


def page_of(saved_request: SavedRequest, action: str = "") -> str:
    return f"{LIST}{saved_request.pk}/" + (f"{action}/" if action else "")


def typed(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "Contacts", "method": "GET", "url": url, "follow_redirects": "on"} | more


def everything() -> list[int]:
    return [model.objects.count() for model in (SavedRequest, Table, Run, Row, Schedule)]


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def stored(team: Team) -> SavedRequest:
    table = factories.TableFactory(team=team, name="contacts")
    return factories.SavedRequestFactory(
        team=team,
        table=table,
        name="All contacts",
        authorization_kind="bearer",
        secret="t0ken-of-ann",
        headers=[["X-Tenant", "acme"]],
    )


# The page


def test_a_new_request_has_the_five_tabs(signed_in: Client) -> None:
    page = text(signed_in.get(NEW))

    for label in ("Create Request", "Parameters", "Authorization", "Headers", "Body", "Settings", "Run"):
        assert label in page
    for label in ("None", "Bearer token", "Basic", "API key", "OAuth", "Write mode", "Append", "Replace"):
        assert label in page


def test_a_saved_request_is_shown_as_it_is_but_for_its_secret(
    signed_in: Client, stored: SavedRequest
) -> None:
    page = signed_in.get(page_of(stored)).content.decode()

    for shown in ('value="All contacts"', f'value="{stored.url}"', 'value="X-Tenant"', 'value="acme"'):
        assert shown in page
    assert "t0ken-of-ann" not in page


def test_a_viewer_looks_and_is_offered_nothing_else(
    client: Client, viewer: User, stored: SavedRequest
) -> None:
    client.force_login(viewer)

    page = client.get(page_of(stored))
    refused = client.post(page_of(stored), typed("https://evil.example/"))

    assert "All contacts" in text(page)
    for action in ("try", "duplicate", "delete", "schedule"):
        assert page_of(stored, action) not in page.content.decode()
    assert 'name="then"' not in page.content.decode()
    assert refused.status_code == 403
    assert "ask an admin for the role Editor" in text(refused)
    assert SavedRequest.objects.get().url == stored.url


def test_the_builder_costs_the_same_however_much_there_is(
    signed_in: Client, team: Team, stored: SavedRequest
) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            factories.ConnectionFactory(team=team)
            factories.TableFactory(team=team)

    assert_costs_the_same(signed_in, page_of(stored), add)


# Save


def test_saving_makes_request_and_table(signed_in: Client, editor: User) -> None:
    answer = signed_in.post(NEW, typed("https://api.example/contacts", then="save"), follow=True)

    saved = SavedRequest.objects.get()
    assert (saved.created_by, str(saved.table)) == (editor, "contacts")
    assert answer.redirect_chain[-1][0] == page_of(saved)
    assert "Contacts was saved." in text(answer)


def test_rows_of_parameters_and_headers_work_without_scripts(signed_in: Client) -> None:
    rows = {
        "url-as-shown": "",
        "parameters-name": ["per_page", ""],
        "parameters-value": ["5", ""],
        "headers-name": ["X-Tenant", ""],
        "headers-value": ["acme", ""],
    }

    signed_in.post(NEW, typed("https://api.example/contacts", **rows))

    saved = SavedRequest.objects.get()
    assert saved.url == "https://api.example/contacts?per_page=5"
    assert saved.headers == [["X-Tenant", "acme"]]


def test_what_is_wrong_is_told_with_everything_else_kept(signed_in: Client) -> None:
    page = signed_in.post(NEW, typed("http://169.254.169.254/", records_path="data"))

    assert page.status_code == 422
    assert "URL: This address may not be called" in text(page)
    assert 'value="data"' in page.content.decode()
    assert everything() == [0, 0, 0, 0, 0]


def test_a_typed_secret_does_not_come_back(signed_in: Client) -> None:
    data = typed("nowhere", authorization_kind="bearer", bearer_token="typed-t0ken")

    for path, headers in ((NEW, {}), (TRY, {}), (TRY, HTMX)):
        assert "typed-t0ken" not in signed_in.post(path, data, headers=headers).content.decode()


def test_save_and_run_now_goes_to_the_run(signed_in: Client, editor: User) -> None:
    answer = signed_in.post(NEW, typed("https://api.example/contacts", then="run"))

    run = Run.objects.get()
    assert answer["Location"] == f"/t/acme/runs/{run.pk}/"
    assert run.requested_by == editor


def test_save_and_schedule_goes_to_the_schedule(signed_in: Client) -> None:
    answer = signed_in.post(NEW, typed("https://api.example/contacts", then="schedule"))

    assert answer["Location"] == page_of(SavedRequest.objects.get(), "schedule")


def test_editing_stays_on_the_page_with_the_same_id(signed_in: Client, stored: SavedRequest) -> None:
    data = typed(stored.url, name="Contacts of all", authorization_kind="bearer", table_name="contacts")

    answer = signed_in.post(page_of(stored), data)

    assert answer["Location"] == page_of(stored)
    saved = SavedRequest.objects.get()
    assert (saved.pk, saved.name, saved.secret, saved.version) == (
        stored.pk,
        "Contacts of all",
        "t0ken-of-ann",
        2,
    )


# The connection: fields and addresses that take an id


def test_a_connection_of_the_team_can_be_chosen_and_is_shown_chosen(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team, allowed_hosts=["api.example"])
    data = typed("https://api.example/", authorization_kind="oauth", connection=str(connection.pk))

    signed_in.post(NEW, data)

    saved = SavedRequest.objects.get()
    assert saved.connection == connection
    assert f'value="{connection.pk}" checked' in signed_in.get(page_of(saved)).content.decode()


@pytest.mark.parametrize("path", [NEW, TRY])
def test_a_connection_of_another_team_is_as_good_as_none(
    signed_in: Client, provider: DemoServer, path: str
) -> None:
    foreign = factories.ConnectionFactory(name="Foreign CRM")
    data = typed(f"{provider.url}/api/contacts", authorization_kind="oauth", connection=str(foreign.pk))

    answer = signed_in.post(path, data)
    missing = signed_in.post(path, data | {"connection": str(uuid4())})

    assert answer.status_code == missing.status_code == 422
    assert "Foreign CRM" not in text(answer)
    assert str(foreign.pk) not in answer.content.decode()
    assert provider.requests == []
    assert not SavedRequest.objects.exists()


@pytest.mark.parametrize("path", [f"{NEW}?connection=", f"{CHOICES}?chosen="])
def test_an_address_that_names_a_connection_chooses_only_ones_own(
    signed_in: Client, team: Team, path: str
) -> None:
    own, foreign = factories.ConnectionFactory(team=team), factories.ConnectionFactory(name="Foreign CRM")

    assert f'value="{own.pk}" checked' in signed_in.get(f"{path}{own.pk}").content.decode()
    for other in (foreign.pk, uuid4(), "no-uuid", "%00", "<script>"):
        page = signed_in.get(f"{path}{other}")
        assert page.status_code == 200
        assert 'name="connection" value' in page.content.decode()
        assert f'value="{own.pk}" checked' not in page.content.decode()
        assert "Foreign CRM" not in text(page)
        assert str(foreign.pk) not in page.content.decode()
        assert '<script>"' not in page.content.decode()


def test_new_connection_comes_back_here(signed_in: Client) -> None:
    page = signed_in.get(NEW).content.decode()

    assert "/t/acme/connections/new/?return_to=%2Ft%2Facme%2Frequests%2Fnew%2F" in page


# Run: try once


def test_trying_shows_the_answer_and_saves_nothing(signed_in: Client, provider: DemoServer) -> None:
    before = everything()

    answer = signed_in.post(TRY, typed(f"{provider.url}/api/open/contacts?per_page=5"), headers=HTMX)

    assert answer.status_code == 200
    shown = text(answer)
    for part in (
        "200",
        "Records",
        "5",
        "found at data",
        "Table",
        "Pretty",
        "Tree",
        "Raw",
        "Headers",
        "Request as sent",
    ):
        assert part in shown
    assert "The answer counts its pages at meta.page." in shown
    assert 'data-records-path="data"' in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert everything() == before


def test_trying_without_scripts_shows_the_whole_page_with_the_answer(
    signed_in: Client, provider: DemoServer
) -> None:
    page = signed_in.post(
        TRY, typed(f"{provider.url}/api/open/contacts?per_page=5", name="Kept", records_path="data")
    )

    assert page.status_code == 200
    assert "<html" in page.content.decode()
    assert 'value="Kept"' in page.content.decode()
    assert "Request as sent" in text(page)


def test_trying_a_changed_request_leaves_the_saved_one_as_it_was(
    signed_in: Client, provider: DemoServer, stored: SavedRequest
) -> None:
    before = SavedRequest.objects.values().get()
    url = f"{provider.url}/api/echo"

    page = signed_in.post(page_of(stored, "try"), typed(url, authorization_kind="none", name="Other"))

    assert page.status_code == 200
    assert SavedRequest.objects.values().get() == before
    # The page is still that of the saved request.
    assert f'action="{page_of(stored)}"' in page.content.decode()


def test_trying_a_saved_request_sends_its_stored_secret_and_never_shows_it(
    signed_in: Client, provider: DemoServer, stored: SavedRequest
) -> None:
    stored.url = f"{provider.url}/api/open/contacts"
    stored.save()

    data = typed(stored.url, authorization_kind="bearer", name="All contacts")
    answer = signed_in.post(page_of(stored, "try"), data, headers=HTMX)

    assert provider.requests[0].headers["authorization"] == "Bearer t0ken-of-ann"
    assert "t0ken-of-ann" not in answer.content.decode()
    assert "Authorization: Bearer •••" in text(answer)


def test_trying_sends_a_stored_secret_to_no_other_host(
    signed_in: Client, provider: DemoServer, stored: SavedRequest
) -> None:
    data = typed(f"{provider.url}/api/echo", authorization_kind="bearer")

    answer = signed_in.post(page_of(stored, "try"), data, headers=HTMX)

    assert answer.status_code == 422
    assert "Enter it again: the address changed" in text(answer)
    assert provider.requests == []


def test_trying_with_a_connection_uses_its_token(signed_in: Client, provider: DemoServer, team: Team) -> None:
    tokens = provider.mint()
    connection: Connection = factories.ConnectionFactory(team=team, token_url=provider.token_url)
    factories.connected(connection, now=timezone.now(), access_token=tokens.access_token)
    data = typed(f"{provider.url}/api/contacts", authorization_kind="oauth", connection=str(connection.pk))

    answer = signed_in.post(TRY, data, headers=HTMX)

    assert answer.status_code == 200
    assert "found at data" in text(answer)
    assert tokens.access_token not in answer.content.decode()


def test_what_is_wrong_with_a_try_is_told_without_calling(signed_in: Client, provider: DemoServer) -> None:
    data = typed(f"{provider.url}/api/echo", body_kind="json", body="{")

    fragment = signed_in.post(TRY, data, headers=HTMX)
    page = signed_in.post(TRY, data)

    assert fragment.status_code == page.status_code == 422
    assert "The body is not JSON" in text(fragment)
    assert "<html" not in fragment.content.decode()
    assert "The body is not JSON" in text(page)
    assert provider.requests == []


@pytest.mark.parametrize(
    ("path", "said"),
    [("/api/html", "HTML"), ("/api/nowhere", "404"), ("/api/contacts", "401")],
)
def test_an_answer_that_is_no_good_is_explained(
    signed_in: Client, provider: DemoServer, path: str, said: str
) -> None:
    answer = signed_in.post(TRY, typed(f"{provider.url}{path}"), headers=HTMX)

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert said in text(answer)
    assert "Who can mend it:" in text(answer)


def test_an_answer_that_never_comes_is_explained(signed_in: Client, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]

    answer = signed_in.post(TRY, typed("http://127.0.0.1:9/"), headers=HTMX)

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_markup_in_an_answer_is_shown_as_text(signed_in: Client, provider: DemoServer) -> None:
    evil = {"data": [{"<img src=x onerror=1>": "</pre><script>alert(1)</script>"}]}
    provider.fail("/api/open/contacts", status=200, body=evil, headers={"X-Evil": "<script>2</script>"})

    answer = signed_in.post(TRY, typed(f"{provider.url}/api/open/contacts"), headers=HTMX).content.decode()

    assert "<script>" not in answer
    assert "<img" not in answer
    assert "&lt;script&gt;" in answer


@pytest.mark.parametrize(
    "body",
    [
        '{"a": "\\ud800"}',
        "[" * 400 + "]" * 400,
        '{"a": 1e400}',
        '{"a": ' + "9" * 5000 + "}",
        "[]",
        '"x"',
        "null",
    ],
)
def test_a_strange_document_is_no_crash(signed_in: Client, provider: DemoServer, body: str) -> None:
    provider.fail("/api/open/contacts", status=200, body=body)

    assert signed_in.post(TRY, typed(f"{provider.url}/api/open/contacts"), headers=HTMX).status_code == 200


def test_a_viewer_cannot_send_anything(
    client: Client, viewer: User, provider: DemoServer, stored: SavedRequest
) -> None:
    client.force_login(viewer)

    for path in (TRY, page_of(stored, "try")):
        assert client.post(path, typed(f"{provider.url}/api/echo")).status_code == 403
    assert provider.requests == []


# List, duplicate, delete, run now


def test_the_list_tells_schedule_table_and_last_run(signed_in: Client, stored: SavedRequest) -> None:
    moment = timezone.now()
    Schedule.objects.create(saved_request=stored, rule={"every": "5 minutes"}, next_at=moment)
    for age, state in ((2, "failed"), (1, "succeeded")):
        due_at = moment - timedelta(hours=age)
        Run.objects.create(
            team=stored.team,
            saved_request=stored,
            trigger="manual",
            due_at=due_at,
            not_before=due_at,
            state=state,
        )

    page = text(signed_in.get(LIST))

    for shown in ("All contacts", "GET", stored.url, "contacts", "Succeeded", "next"):
        assert shown in page
    assert "Failed" not in page


def test_another_teams_requests_are_not_in_the_list(signed_in: Client) -> None:
    factories.SavedRequestFactory(name="Foreign contacts")

    page = text(signed_in.get(LIST))

    assert "Foreign contacts" not in page
    assert "No requests yet" in page


def test_the_list_costs_the_same_however_many_there_are(signed_in: Client, team: Team) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            made = factories.SavedRequestFactory(team=team, table=factories.TableFactory(team=team))
            Schedule.objects.create(saved_request=made, rule={"every": "5 minutes"}, next_at=timezone.now())
            Run.objects.create(
                team=team,
                saved_request=made,
                trigger="manual",
                due_at=timezone.now(),
                not_before=timezone.now(),
            )

    assert_costs_the_same(signed_in, LIST, add)


def test_a_copy_has_a_name_of_its_own_the_same_secret_and_no_schedule(
    signed_in: Client, stored: SavedRequest, editor: User
) -> None:
    Schedule.objects.create(saved_request=stored, rule={"every": "5 minutes"}, next_at=timezone.now())

    first = signed_in.post(page_of(stored, "duplicate"), follow=True)
    signed_in.post(page_of(stored, "duplicate"))

    names = list(SavedRequest.objects.values_list("name", flat=True))
    assert names == ["All contacts", "All contacts copy", "All contacts copy 2"]
    copy = SavedRequest.objects.get(name="All contacts copy")
    assert (copy.secret, copy.url, copy.table, copy.created_by) == (
        "t0ken-of-ann",
        stored.url,
        stored.table,
        editor,
    )
    assert Schedule.objects.count() == 1
    assert "All contacts copy was made. It has no schedule yet." in text(first)
    assert "t0ken-of-ann" not in first.content.decode()


@pytest.mark.django_db(transaction=True)
def test_copies_made_at_the_same_moment_have_names_of_their_own(stored: SavedRequest, editor: User) -> None:
    start = threading.Barrier(4)

    def duplicate(_: int) -> str:
        try:
            start.wait()
            return stored.duplicate(user=editor).name
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(duplicate, range(4)))

    assert names == {f"All contacts copy{number}" for number in ("", " 2", " 3", " 4")}


def test_deleting_says_what_goes_and_keeps_the_rows(
    signed_in: Client, stored: SavedRequest, team: Team
) -> None:
    Schedule.objects.create(saved_request=stored, rule={"every": "5 minutes"}, next_at=timezone.now())

    asked = text(signed_in.get(page_of(stored, "delete")))
    assert "The request, its schedule and the history of its runs are removed." in asked
    assert "stay in the table contacts" in asked
    assert SavedRequest.objects.exists()

    done = signed_in.post(page_of(stored, "delete"), follow=True)

    assert "All contacts was deleted." in text(done)
    assert everything() == [0, 1, 0, 0, 0]


def test_run_now_makes_one_run_however_often_it_is_pressed(signed_in: Client, stored: SavedRequest) -> None:
    first = signed_in.post(page_of(stored, "run-now"))
    second = signed_in.post(page_of(stored, "run-now"))

    run = Run.objects.get()
    assert first["Location"] == second["Location"] == f"/t/acme/runs/{run.pk}/"


@pytest.mark.parametrize("action", ["duplicate", "run-now", "try"])
def test_a_link_does_nothing(signed_in: Client, stored: SavedRequest, action: str) -> None:
    before = everything()

    assert signed_in.get(page_of(stored, action)).status_code == 405
    assert everything() == before


def test_the_connections_to_choose_from_cost_one_query_more_or_less(signed_in: Client, team: Team) -> None:
    for _ in range(3):
        factories.ConnectionFactory(team=team)

    assert cost(signed_in, CHOICES) <= 10
