"""Status codes that mean something else to a request: in words, in a run, in the form and in a file."""

from collections.abc import Callable
from datetime import datetime

import pytest
import yaml

from accounts.models import Team
from demo_api.server import DemoServer
from requests_builder import manifest, runs, statuses, tables
from requests_builder.forms import SavedRequestForm
from requests_builder.models import Mender, Run, RunState, SavedRequest, Table
from tests.requests_builder.conftest import CONTACTS

Pull = Callable[..., Run]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("409 done\n\n 404 empty ", {"404": "empty", "409": "done"}),
        ("404 means Empty\n500=failure", {"404": "empty", "500": "failure"}),
        ("", {}),
    ],
)
def test_a_line_says_what_a_status_means(text: str, stored: dict[str, str]) -> None:
    assert statuses.from_lines(text) == stored
    assert statuses.from_lines(statuses.in_lines(stored)) == stored


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("404", "“404” is not understood. Write a status code and what it means"),
        ("404 fine", "404 cannot mean “fine”. Write empty, done or failure"),
        ("100 empty", "from 200 to 599"),
        ("999 empty", "from 200 to 599"),
        ("404 empty\n404 done", "404 is there twice"),
        ("401 empty", "401 says that the credentials are refused: such a run always fails."),
        ("403 done", "403 says that the credentials are refused"),
        ("407 failure", "407 says"),
        ("429 empty", "the run waits and asks again"),
        ("\n".join(f"{number} empty" for number in range(500, 521)), "up to 20"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(statuses.InvalidStatuses) as refused:
        statuses.from_lines(text)
    assert said in str(refused.value)


def means(saved_request: SavedRequest, **stored: str) -> None:
    saved_request.statuses = {name.removeprefix("on"): meaning for name, meaning in stored.items()}
    saved_request.save()


@pytest.mark.django_db
def test_empty_is_an_answer_without_records(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    pull(contacts)
    means(contacts, on404="empty")
    provider.fail(CONTACTS, times=None, status=404, body="<p>nothing here</p>", content_type="text/html")

    run = pull(contacts)

    assert (run.state, run.rows, run.pages) == (RunState.SUCCEEDED, 0, 1)
    assert "The API answered 404 Not Found, which means empty for this request." in run.stop_reason
    assert list(tables.records(table)) == [], "Replace shows the rows of the last run only"


@pytest.mark.django_db
def test_empty_after_some_pages_is_the_end_of_them(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    means(contacts, on404="empty")
    provider.fail(CONTACTS, page=4, times=None, status=404)

    run = pull(contacts)

    assert (run.state, run.pages, run.rows) == (RunState.SUCCEEDED, 4, 15)
    assert len(list(tables.records(table))) == 15


@pytest.mark.django_db
def test_done_leaves_the_table_as_it_is_and_ends_the_run_well(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    pull(contacts)
    means(contacts, on409="done")
    provider.fail(CONTACTS, times=None, status=409)

    run = pull(contacts)

    assert (run.state, run.rows, run.error, run.checkpoint) == (RunState.SUCCEEDED, 0, "", None)
    assert "409 Conflict, which means done for this request" in run.stop_reason
    assert "The table stays as it was." in run.stop_reason
    assert len(list(tables.records(table))) == 100


@pytest.mark.django_db
@pytest.mark.parametrize("status", [202, 503])
def test_failure_fails_the_run_at_once(
    status: int, contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    means(contacts, **{f"on{status}": "failure"})
    provider.fail(CONTACTS, status=status, body={"data": []})

    run = pull(contacts)

    assert (run.state, run.error_code, run.mender) == (RunState.FAILED, "status_override", Mender.EDITOR)
    assert "For this request that is a failure (Settings → Status codes)." in run.error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", [401, 403])
def test_a_run_that_was_refused_for_its_credentials_is_never_green(
    status: int, protected: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    # As somebody might have written it into the database; no form takes it.
    means(protected, on401="empty", on403="done")
    provider.fail("/api/contacts", times=None, status=status)

    assert pull(protected).state == RunState.FAILED


@pytest.mark.django_db(transaction=True)
def test_an_answer_by_which_a_connection_knows_a_dead_token_is_never_green(
    protected: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    assert protected.connection is not None
    protected.connection.expiry_signals = "404"
    protected.connection.save()
    means(protected, on404="empty")
    provider.fail("/api/contacts", times=None, status=404)

    assert pull(protected).state == RunState.FAILED


@pytest.mark.django_db
def test_a_preview_shows_what_a_run_would_make_of_it(
    contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    means(contacts, on404="empty")
    provider.fail(CONTACTS, status=404, body="<p>nothing here</p>", content_type="text/html")

    shown = runs.preview(contacts, now=now)

    assert (shown.status, shown.is_good, shown.record_count) == (404, True, 0)


@pytest.mark.django_db
def test_the_form_says_what_is_wrong_and_shows_what_is_stored(team: Team) -> None:
    typed = {"name": "Orders", "url": "https://api.example/orders", "write_mode": "append"}

    wrong = SavedRequestForm(typed | {"statuses": "401 empty", "requests_per_second": "0"}, team=team)
    assert not wrong.is_valid()
    assert "such a run always fails" in wrong.errors["statuses"][0]
    assert "Write a number from 0.0005 to 1,000" in wrong.errors["requests_per_second"][0]

    right = SavedRequestForm(typed | {"statuses": "404 empty", "requests_per_second": "0.5"}, team=team)
    assert right.is_valid(), right.errors
    assert right.save_request()
    stored = SavedRequest.objects.get()
    assert (stored.statuses, float(stored.requests_per_second or 0)) == ({"404": "empty"}, 0.5)
    shown = SavedRequestForm(instance=stored, team=team)
    assert (shown["statuses"].value(), shown["requests_per_second"].value()) == ("404 empty", "0.5")


FILE = """
team: Acme
requests:
  - name: Orders
    url: https://api.example/orders
    requests_per_second: 0.5
    statuses: {404: empty, 409: done}
  - name: Contacts
    url: https://api.example/contacts
    requests_per_second: 2
"""


@pytest.mark.django_db
def test_a_file_says_the_same(team: Team, now: datetime) -> None:
    def applied(text: str) -> list[str]:
        return manifest.apply(manifest.load(text, {}), now=now).lines

    applied(FILE)
    exported = {entry["name"]: entry for entry in yaml.safe_load(manifest.export(team))["requests"]}
    for entry in yaml.safe_load(FILE)["requests"]:
        for key in ("requests_per_second", "statuses"):
            assert exported[entry["name"]].get(key) == entry.get(key)
    assert all(line.endswith("unchanged") for line in applied(manifest.export(team)))

    for entry_, said in (
        ("statuses: {401: empty}", "statuses: 401 says that the credentials are refused"),
        ("statuses: {404: true}", "statuses.404: must be empty, done or failure"),
        ("statuses: [404]", "statuses: must be a mapping"),
        ("requests_per_second: fast", "requests_per_second: must be a number"),
        ("requests_per_second: -1", "requests_per_second: Write a number"),
    ):
        with pytest.raises(manifest.InvalidManifest) as refused:
            applied(f"team: Acme\nrequests: [{{name: Orders, url: 'https://api.example/', {entry_}}}]")
        assert said in str(refused.value)
