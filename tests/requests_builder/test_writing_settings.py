"""The settings of writing, on the page and in a team's file, and the pages that act on what was written."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from requests_builder import manifest
from requests_builder.forms import SavedRequestForm
from requests_builder.models import Batch, Row, Run, RunState, SavedRequest, Table
from tests import factories
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def stored(team: Team, table: Table) -> SavedRequest:
    return factories.SavedRequestFactory(
        team=team,
        table=table,
        name="Orders",
        write_mode="append",
        newest_field="updated_at",
        watermark="2025-08-01T10:30:00",
    )


def form(team: Team, instance: SavedRequest | None = None, **typed: Any) -> SavedRequestForm:
    data = {"name": "Orders", "method": "GET", "url": "https://api.example/orders"} | typed
    instance = instance or SavedRequest(team=team)
    return SavedRequestForm(data, instance=instance, team=team)


def saved(found: SavedRequestForm) -> SavedRequest:
    assert found.is_valid(), found.errors
    assert found.save_request()
    return SavedRequest.objects.get(pk=found.instance.pk)


def sentence(found: SavedRequestForm) -> tuple[str, str]:
    """The field that is wrong, and why."""
    [(name, errors)] = found.errors.items()
    return name, str(errors[0])


# What may be typed


def test_what_is_typed_is_kept_and_shown_again(team: Team) -> None:
    typed = {"newest_field": "meta.at", "newest_parameter": "since", "look_back": "36 Hours"}
    made = saved(form(team, write_mode="append", **typed, max_response_mb="10", retries="0"))

    assert (made.newest_field, made.newest_parameter) == ("meta.at", "since")
    assert made.look_back == timedelta(hours=36)
    assert (made.max_response_mb, made.retries) == (10, 0)
    again = SavedRequestForm(instance=made, team=team)
    assert 'value="36 hours"' in str(again["look_back"])
    assert 'value="0"' in str(again["retries"])


def test_what_is_not_typed_is_as_it_always_was(team: Team) -> None:
    made = saved(form(team))
    assert (made.max_response_mb, made.retries, made.look_back) == (None, 4, timedelta(0))
    assert (made.delete_missing, made.delete_missing_percent, made.if_empty) == (False, 30, "replace")


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("append", {"newest_field": "at", "newest_parameter": "since"}),
        ("update", {"newest_field": "at", "newest_parameter": "since"}),
        ("replace", {"if_empty": "keep"}),
    ],
)
def test_settings_that_a_mode_has_no_use_for_are_not_kept(
    team: Team, mode: str, kept: dict[str, str]
) -> None:
    typed = {"newest_field": "at", "newest_parameter": "since", "look_back": "1 day", "if_empty": "keep"}
    made = saved(form(team, write_mode=mode, key_fields="id", **typed))
    found = {name: getattr(made, name) for name in ("newest_field", "newest_parameter", "if_empty")}
    assert {name: value for name, value in found.items() if value not in ("", "replace")} == kept
    assert bool(made.look_back) == (mode != "replace")


UPDATE = {"write_mode": "update", "key_fields": "id"}


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"write_mode": "append", "newest_parameter": "since"}, "newest_field", "Name the field"),
        ({"write_mode": "append", "look_back": "1 day"}, "newest_field", "Name the field"),
        ({"write_mode": "append", "newest_field": "a["}, "newest_field", "is not a JMESPath expression"),
        (
            {"write_mode": "append", "newest_field": "a", "look_back": "soon"},
            "look_back",
            "Write a number and a unit, such as “2 hours” or “3 days”.",
        ),
        ({"write_mode": "append", "newest_field": "a", "look_back": "9999 weeks"}, "look_back", "at most"),
        ({**UPDATE, "newest_field": "at"}, "newest_parameter", "a Response Field alone saves nothing"),
        (
            {**UPDATE, "newest_field": "at", "newest_parameter": "since", "delete_missing": "on"},
            "delete_missing",
            "those that do not come are not gone",
        ),
        (
            {
                **UPDATE,
                "delete_missing": "on",
                "pagination_kind": "link_header",
                "pagination_extent": "some",
                "pagination_pages": "2",
            },
            "delete_missing",
            "Only a number of pages is pulled",
        ),
        ({**UPDATE, "delete_missing_percent": "101"}, "delete_missing_percent", "less than or equal to 100"),
        ({"write_mode": "update"}, "key_fields", "Update needs to know which record is which"),
        ({"if_empty": "perhaps"}, "if_empty", "Select a valid choice"),
        ({"retries": "11"}, "retries", "A page may be tried again from 0 to 10 times."),
        ({"retries": "-1"}, "retries", "A page may be tried again from 0 to 10 times."),
        ({"max_response_mb": "0"}, "max_response_mb", "A response may have from 1 to 50 MB."),
        ({"max_response_mb": "51"}, "max_response_mb", "Whoever hosts this product can raise that."),
    ],
)
def test_what_cannot_be_has_its_sentence_at_its_field(
    team: Team, typed: dict[str, str], field: str, said: str
) -> None:
    name, found = sentence(form(team, **typed))
    assert name == field
    assert said in found


def test_a_response_is_never_larger_than_the_host_allows(team: Team, settings: Settings) -> None:
    settings.RUN_MAX_PAGE_BYTES = 5 * 2**20
    assert "from 1 to 5 MB" in sentence(form(team, max_response_mb="6"))[1]


def test_another_field_forgets_the_newest_value_and_any_other_edit_keeps_it(stored: SavedRequest) -> None:
    kept = {"write_mode": "append", "table_name": "contacts"}
    same = saved(form(stored.team, stored, newest_field="updated_at", url="https://api.example/v2", **kept))
    assert same.watermark == "2025-08-01T10:30:00"

    page = SavedRequestForm(instance=same, team=stored.team)
    assert "Another field forgets the newest value" in page["newest_field"].help_text
    other = saved(form(stored.team, same, newest_field="created_at", **kept))
    assert other.watermark is None


def test_an_edit_does_not_turn_back_what_a_run_has_stored_meanwhile(stored: SavedRequest) -> None:
    opened = SavedRequest.objects.get(pk=stored.pk)
    SavedRequest.objects.filter(pk=stored.pk).update(watermark="2026-01-01T00:00:00")
    made = saved(form(stored.team, opened, newest_field="updated_at", write_mode="append"))
    assert made.watermark == "2026-01-01T00:00:00"


# The file

FILE = """
team: Acme
requests:
  - name: Orders
    url: https://api.example/orders
    max_response_mb: 10
    retries: 0
    write_mode: append
    only_new: {field: updated_at, parameter: updated_after, look_back: 2 days}
  - name: Contacts
    url: https://api.example/contacts
    write_mode: update
    key: id
    delete_missing: {percent: 50}
  - name: Leads
    url: https://api.example/leads
    write_mode: update
    key: id
    delete_missing: true
  - name: Rates
    url: https://api.example/rates
    if_empty: keep
"""


def applied(text_: str, now: datetime) -> list[str]:
    return manifest.apply(manifest.load(text_, {}), now=now).lines


def test_a_file_sets_everything_and_its_export_says_the_same(team: Team, now: datetime) -> None:
    applied(FILE, now)
    made = {one.name: one for one in team.saved_requests.all()}
    assert made["Orders"].look_back == timedelta(days=2)
    assert (made["Orders"].max_response_mb, made["Orders"].retries) == (10, 0)
    assert (made["Contacts"].delete_missing, made["Contacts"].delete_missing_percent) == (True, 50)
    assert made["Rates"].if_empty == "keep"

    exported = yaml.safe_load(manifest.export(team))
    written = {entry["name"]: entry for entry in yaml.safe_load(FILE)["requests"]}
    for entry in exported["requests"]:
        wanted = written[entry["name"]]
        for key in ("only_new", "delete_missing", "if_empty", "max_response_mb", "retries"):
            assert entry.get(key) == wanted.get(key), key
    assert all(line.endswith("unchanged") for line in applied(manifest.export(team), now))


def test_how_far_a_request_has_come_is_no_part_of_the_file(
    team: Team, stored: SavedRequest, now: datetime
) -> None:
    exported = manifest.export(team)
    assert "2025-08-01" not in exported
    applied(exported, now)
    assert SavedRequest.objects.get(pk=stored.pk).watermark == "2025-08-01T10:30:00"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("write_mode: replace, only_new: {field: a}", "only_new: goes with write_mode append or update"),
        ("write_mode: append, delete_missing: true", "delete_missing: goes with write_mode update, not with"),
        ("write_mode: append, if_empty: keep", "if_empty: goes with write_mode replace"),
        ("write_mode: append, only_new: {path: a}", "only_new: unknown key path; known are field, parameter"),
        ("write_mode: append, only_new: {parameter: a}", "only_new.field: Name the field"),
        ("write_mode: append, only_new: {field: a, look_back: 5}", "only_new.look_back: must be a text"),
        ("write_mode: append, only_new: {field: a, look_back: soon}", "only_new.look_back: Write a number"),
        ("write_mode: update, key: id, delete_missing: {percent: many}", "delete_missing.percent: must be"),
        ("write_mode: update, key: id, delete_missing: {percent: 0}", "delete_missing.percent: Ensure"),
        ("write_mode: update, key: id, delete_missing: yes please", "delete_missing: must be a mapping"),
        ("if_empty: perhaps", "if_empty: Select a valid choice"),
        ("retries: often", "retries: must be a number"),
        ("retries: 11", "retries: A page may be tried again"),
        ("max_response_mb: true", "max_response_mb: must be a number"),
        ("max_response_mb: 5000", "max_response_mb: A response may have"),
    ],
)
def test_what_a_file_cannot_say_is_named(team: Team, now: datetime, entry: str, said: str) -> None:
    text_ = f"team: Acme\nrequests: [{{name: Orders, url: 'https://api.example/', {entry}}}]"
    with pytest.raises(manifest.InvalidManifest) as refused:
        applied(text_, now)
    assert f"requests[0] (Orders).{said}" in str(refused.value)
    assert not team.saved_requests.exists()


# The pages


def page_of(saved_request: SavedRequest, action: str = "") -> str:
    return f"/t/acme/requests/{saved_request.pk}/" + (f"{action}/" if action else "")


def test_the_builder_shows_how_far_the_request_has_come(signed_in: Client, stored: SavedRequest) -> None:
    page = text(signed_in.get(page_of(stored)))
    assert "Newest so far: 2025-08-01T10:30:00 Set or clear…" in page
    assert "Reset and import again…" in page


def test_a_viewer_sees_it_and_cannot_set_it(client: Client, viewer: User, stored: SavedRequest) -> None:
    client.force_login(viewer)
    page = text(client.get(page_of(stored)))
    assert "Newest so far: 2025-08-01T10:30:00" in page
    assert "Set or clear" not in page
    assert "Reset and import again" not in page


@pytest.mark.parametrize(
    ("before", "typed", "after"),
    [
        ("2025-08-01T10:30:00", {"newest": "2025-01-01"}, "2025-01-01"),
        ("2025-08-01T10:30:00", {"newest": ""}, None),
        ("2025-08-01T10:30:00", {"newest": "2025-01-01", "clear": "yes"}, None),
        (17, {"newest": " 5 "}, 5),
        (None, {"newest": "5"}, "5"),
    ],
)
def test_the_newest_value_is_set_and_cleared_by_hand(
    signed_in: Client, stored: SavedRequest, before: Any, typed: dict[str, str], after: Any
) -> None:
    SavedRequest.objects.filter(pk=stored.pk).update(watermark=before)
    assert signed_in.get(page_of(stored, "newest")).status_code == 200
    assert signed_in.post(page_of(stored, "newest"), typed).status_code == 302
    assert SavedRequest.objects.get(pk=stored.pk).watermark == after


def test_a_value_that_cannot_be_compared_with_what_came_is_refused(
    signed_in: Client, stored: SavedRequest
) -> None:
    page = signed_in.post(page_of(stored, "newest"), {"newest": "yesterday"})
    assert page.status_code == 422
    assert "cannot be compared with what came so far, such as 2025-08-01T10:30:00" in text(page)
    assert SavedRequest.objects.get(pk=stored.pk).watermark == "2025-08-01T10:30:00"


def test_who_resets_reads_first_what_it_destroys(signed_in: Client, stored: SavedRequest) -> None:
    assert stored.table
    Batch.objects.create(
        table=stored.table, saved_request=stored, rows_count=1200, published_at=timezone.now()
    )
    page = text(signed_in.get(page_of(stored, "reset")))
    assert "The 1,200 rows that this request has brought into the table contacts are replaced" in page
    assert "Rows of other requests are not touched" in page
    assert not Run.objects.exists()

    done = signed_in.post(page_of(stored, "reset"))
    run = Run.objects.get()
    assert run.is_reset
    assert done["Location"] == f"/t/acme/runs/{run.pk}/"
    assert "(Run now): Reset and import again" in text(signed_in.get(done["Location"]))


def test_a_request_without_a_table_has_nothing_to_reset(signed_in: Client, team: Team) -> None:
    without = factories.SavedRequestFactory(team=team)
    assert "This request has no table." in text(signed_in.get(page_of(without, "reset")))
    signed_in.post(page_of(without, "reset"))
    assert not Run.objects.exists()


@pytest.fixture
def asking(stored: SavedRequest, now: datetime) -> Run:
    """A run that has missed 12 rows of 20 and asks what to do."""
    assert stored.table
    batch = Batch.objects.create(table=stored.table, saved_request=stored, rows_count=20, published_at=now)
    Row.objects.bulk_create(
        Row(batch=batch, data={"id": number}, missed_by=7 if number < 12 else None) for number in range(20)
    )
    return Run.objects.create(
        team=stored.team,
        saved_request=stored,
        trigger="manual",
        due_at=now,
        not_before=now,
        state=RunState.SUCCEEDED,
        rows=8,
        batch_number=7,
        changes={"inserted": 0, "updated": 1, "unchanged": 7, "duplicates": 0, "deleted": 0, "held": 12},
        watermarks={"from": "a", "to": "b", "older": 1_234, "undated": 2},
    )


def test_the_page_of_a_run_counts_what_became_of_the_records(signed_in: Client, asking: Run) -> None:
    page = signed_in.get(f"/t/acme/runs/{asking.pk}/")
    lines = dict(
        re.findall(r'<th scope="row">([^<]+)</th><td class="num">([^<]+)</td>', page.content.decode())
    )
    assert lines == {
        "Inserted": "0",
        "Updated": "1",
        "Unchanged": "7",
        "Missing": "12",
        "Older": "1,234",
        "Without a value to compare": "2",
    }
    assert "Records from a on" in text(page)
    assert "Newest so far b" in text(page)


def test_an_editor_deletes_what_is_missing_and_once(signed_in: Client, asking: Run) -> None:
    address = f"/t/acme/runs/{asking.pk}/"
    assert "Delete the 12 missing rows" in text(signed_in.get(address))

    page = signed_in.post(f"{address}delete-missing/", follow=True)
    assert "12 rows deleted." in text(page)
    assert "Delete the 12" not in text(page)
    page = signed_in.post(f"{address}delete-missing/", follow=True)
    assert "Nothing was deleted: the request has run again since." in text(page)
    assert Row.objects.visible().count() == 8


def test_a_viewer_is_told_who_may_delete(client: Client, viewer: User, asking: Run) -> None:
    client.force_login(viewer)
    page = text(client.get(f"/t/acme/runs/{asking.pk}/"))
    assert "12 rows of this request did not come any more." in page
    assert "Delete the 12" not in page
    assert "Whoever edits requests can do that." in page
