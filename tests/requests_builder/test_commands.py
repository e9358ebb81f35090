"""The commands: a file in, lines of JSON out."""

import io
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Team
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import Run, SavedRequest, Schedule, Table
from tests import factories

pytestmark = pytest.mark.django_db

FILE = """
team: Acme
users: [{email: ann@example.org, role: owner}]
requests:
  - name: Contacts
    url: %s/api/open/contacts?per_page=5
    authorization: {bearer: "${API_TOKEN}"}
    records: data
    pagination: {kind: page, total_pages: meta.total_pages}
    schedule: {every: 5 minutes}
"""


def printed(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def lines(*command: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed(*command).splitlines()]


def refusal(*command: str) -> str:
    with pytest.raises(CommandError) as refused:
        printed(*command)
    return str(refused.value)


@pytest.fixture
def file(tmp_path: Path, provider: DemoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("API_TOKEN", "t0ken-of-ann")
    path = tmp_path / "acme.yaml"
    path.write_text(FILE % provider.url, "utf-8")
    return str(path)


# From a file to rows


def test_from_a_file_to_rows_without_a_page(file: str, provider: DemoServer) -> None:
    provider.set(contacts=12)
    assert printed("apply", file).splitlines() == [
        "team Acme: created",
        "user ann@example.org: created",
        "request Contacts: created",
    ]

    [run] = lines("run", "acme", "Contacts")
    rows = lines("rows", "Acme", "contacts")

    assert (run["request"], run["state"], run["trigger"], run["rows"], run["pages"]) == (
        "Contacts",
        "succeeded",
        "manual",
        12,
        3,
    )
    assert (run["error"], run["error_code"], run["mender"]) == (None, None, None)
    assert datetime.fromisoformat(run["finished_at"]) >= datetime.fromisoformat(run["started_at"])
    assert len(rows) == 12
    assert rows[0]["id"] == 1
    assert lines("runs", "Acme") == [run]
    assert provider.requests[0].headers["authorization"] == "Bearer t0ken-of-ann"


def test_a_file_is_applied_twice_without_a_trace(file: str) -> None:
    printed("apply", file)
    before = list(Schedule.objects.values()), list(SavedRequest.objects.values())

    said = printed("apply", file)

    assert "request Contacts: unchanged" in said
    assert (list(Schedule.objects.values()), list(SavedRequest.objects.values())) == before


def test_a_rehearsal_says_that_it_was_one(file: str) -> None:
    said = printed("apply", "--dry-run", file)

    assert "request Contacts: created" in said
    assert said.endswith("Nothing was changed: this was a rehearsal.\n")
    assert not Team.objects.exists()


def test_a_file_may_come_by_standard_input(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(file).read_text("utf-8")))

    assert "team Acme: created" in printed("apply", "-")


def test_a_file_that_is_refused_changes_nothing_and_says_so(file: str) -> None:
    Path(file).write_text(Path(file).read_text("utf-8") + "    paging: x\n", "utf-8")

    said = refusal("apply", file)

    assert said.startswith("Nothing was changed.\nrequests[0] (Contacts): unknown key paging; known are")
    assert not Team.objects.exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")

    assert "nowhere.yaml cannot be read" in refusal("apply", str(tmp_path / "nowhere.yaml"))
    assert "binary.yaml cannot be read" in refusal("apply", str(tmp_path / "binary.yaml"))


def test_what_is_exported_can_be_applied(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed("apply", file)
    exported = printed("export", "acme")
    again = tmp_path / "exported.yaml"
    again.write_text(exported, "utf-8")
    monkeypatch.setenv("CONTACTS_BEARER_TOKEN", "t0ken-of-ann")

    assert "t0ken-of-ann" not in exported
    assert {line.rpartition(": ")[2] for line in printed("apply", str(again)).splitlines()} == {"unchanged"}
    Team.objects.all().delete()
    printed("apply", str(again))
    assert printed("export", "acme") == exported


# Run, runs, rows


def test_a_run_that_fails_prints_its_line_and_ends_with_the_reason(
    contacts: SavedRequest, provider: DemoServer
) -> None:
    provider.fail("/api/open/contacts", status=404, body="{}", times=None)
    out = io.StringIO()

    with pytest.raises(CommandError) as failed:
        call_command("run", "acme", contacts.name, stdout=out)

    run = json.loads(out.getvalue())
    assert (run["state"], run["rows"], run["mender"]) == ("failed", 0, "editor")
    assert run["error"]
    assert str(failed.value) == run["error"]


def test_runs_are_the_newest_first_and_so_many_as_asked_for(contacts: SavedRequest, now: datetime) -> None:
    other = factories.SavedRequestFactory(team=contacts.team)
    made = []
    for minutes, saved_request in ((1, contacts), (2, other), (3, contacts)):
        moment = now + timedelta(minutes=minutes)
        made.append(
            Run.objects.create(
                team=contacts.team,
                saved_request=saved_request,
                trigger="schedule",
                due_at=moment,
                not_before=moment,
                state="succeeded",
            )
        )
    foreign = factories.SavedRequestFactory()
    runs.request_run(foreign, user=None, now=now)

    assert [run["id"] for run in lines("runs", "acme")] == [str(run.pk) for run in reversed(made)]
    assert [run["id"] for run in lines("runs", "acme", "--limit", "1")] == [str(made[2].pk)]
    assert len(lines("runs", "acme", "--request", contacts.name)) == 2
    assert lines("runs", "acme", "--limit", "-1") == []


def test_rows_are_printed_as_they_are(team: Team, contacts: SavedRequest, pull: Any) -> None:
    pull(contacts, timezone.now())

    rows = lines("rows", "acme", "contacts")

    assert len(rows) == 100
    assert [row["id"] for row in rows] == list(range(1, 101))


# Names that there are not


@pytest.mark.parametrize("command", ["export", "runs"])
def test_a_team_that_there_is_not_is_answered_with_those_that_there_are(team: Team, command: str) -> None:
    assert refusal(command, "nobody") == "There is no team called nobody. Teams: acme."


def test_without_any_team_it_says_so() -> None:
    assert refusal("export", "acme") == "There is no team called acme. Teams: none yet."


def test_a_request_and_a_table_that_there_are_not_are_answered_with_those_that_there_are(
    team: Team,
) -> None:
    assert refusal("run", "acme", "x") == "Acme has no request called x. Requests: none yet."
    assert refusal("rows", "acme", "x") == "Acme has no table called x. Tables: none yet."
    factories.SavedRequestFactory(team=team, name="Contacts")
    factories.TableFactory(team=team, name="contacts")
    factories.SavedRequestFactory(name="Foreign")

    assert refusal("run", "acme", "Foreign") == "Acme has no request called Foreign. Requests: Contacts."
    assert refusal("runs", "acme", "--request", "x") == "Acme has no request called x. Requests: Contacts."
    assert refusal("rows", "acme", "x") == "Acme has no table called x. Tables: contacts."


def test_teams_of_one_name_are_told_apart_by_their_address() -> None:
    for slug in ("acme", "acme-2"):
        factories.TeamFactory(name="Acme", slug=slug)
    factories.TeamFactory(name="acme-2", slug="third")
    Table.objects.create(team=Team.objects.get(slug="acme-2"), name="contacts")

    assert refusal("export", "Acme").startswith("There are several teams called Acme. Teams: acme")
    assert lines("rows", "acme-2", "contacts") == []


LONG = """
import sys, django
django.setup()
from django.core.management.base import OutputWrapper
from requests_builder.management import print_lines
print_lines(OutputWrapper(sys.stdout), ("x" * 1000 for _ in range(10_000)))
"""


def test_whoever_reads_the_lines_may_stop_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
    command = [sys.executable, "-c", LONG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (0, "")
