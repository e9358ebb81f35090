"""What people may type about requests and schedules, and what they read when it cannot be."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from requests_builder import rendering, schedules
from requests_builder.forms import NAME_TAKEN, SavedRequestForm, ScheduleForm
from requests_builder.models import AuthorizationKind, SavedRequest, Schedule, Table
from tests import factories

URL = "https://api.example/contacts"
PAGED = ("pagination_", "page_", "offset_", "limit_", "cursor_", "next_url", "has_more", "is_last", "record_")
Pairs = list[tuple[str, str]]


def posted(headers: Pairs | None = None, parameters: Pairs | None = None, **typed: str) -> QueryDict:
    """The form as a browser posts it; `url_as_shown` is what the page that posts it was shown with."""
    data = QueryDict(mutable=True)
    data.update({name.replace("_as_", "-as-"): value for name, value in typed.items()})
    for rows, pairs in (("headers", headers or []), ("parameters", parameters or [])):
        data.setlist(f"{rows}-name", [name for name, _ in pairs])
        data.setlist(f"{rows}-value", [value for _, value in pairs])
    return data


def new(team: Team, *, is_trial: bool = False, **typed: Any) -> SavedRequestForm:
    data = posted(**{"name": "Contacts", "url": URL} | typed)
    return SavedRequestForm(data, instance=SavedRequest(team=team), team=team, is_trial=is_trial)


def edited(saved_request: SavedRequest, **typed: Any) -> SavedRequestForm:
    """The form of a stored request with what it is, and what the test changes; secrets blank."""
    stored = SavedRequest.objects.get(pk=saved_request.pk)
    fields = ("name", "method", "url", "body_kind", "body", "authorization_kind", "username", "api_key_name")
    kept = {name: getattr(stored, name) for name in (*fields, "api_key_place", "records_path", "write_mode")}
    kept |= {"timeout_seconds": str(stored.timeout_seconds), "follow_redirects": "on"}
    kept |= {"table_name": stored.table.name if stored.table else ""}
    return SavedRequestForm(posted(**kept | typed), instance=stored, team=stored.team)


def saved(form: SavedRequestForm) -> SavedRequest:
    assert form.is_valid(), form.errors
    assert form.save_request()
    return SavedRequest.objects.get(pk=form.instance.pk)


def sentence(form: Any, field: str) -> str:
    """The one thing that is wrong, and that it is wrong with this field."""
    assert list(form.errors) == [field], form.errors
    return str(form.errors[field][0])


def bearer(team: Team) -> SavedRequest:
    typed = {"authorization_kind": "bearer", "bearer_token": "t0ken-of-ann", "follow_redirects": "on"}
    return saved(new(team, **typed))


# Names


def test_a_name_is_there_once_in_a_team(team: Team) -> None:
    factories.SavedRequestFactory(team=team, name="Contacts")

    assert sentence(new(team), "name") == NAME_TAKEN
    assert new(factories.TeamFactory()).is_valid()


def test_who_is_a_moment_too_late_with_a_name_reads_the_same_sentence(team: Team) -> None:
    first, second = new(team), new(team)
    assert first.is_valid()
    assert second.is_valid()

    assert first.save_request()
    assert not second.save_request()

    assert sentence(second, "name") == NAME_TAKEN
    assert SavedRequest.objects.count() == 1


def test_who_is_a_moment_too_late_to_rename_changes_nothing(team: Team) -> None:
    stored = saved(new(team))
    form = edited(stored, name="Orders", url="https://api.example/orders", table_name="orders")
    assert form.is_valid()
    factories.SavedRequestFactory(team=team, name="Orders")

    assert not form.save_request()

    assert sentence(form, "name") == NAME_TAKEN
    assert SavedRequest.objects.filter(pk=stored.pk, name="Contacts", url=URL, version=1).exists()
    assert not Table.objects.filter(name="orders").exists()


def test_trying_a_request_needs_no_name_and_minds_no_twin(team: Team) -> None:
    factories.SavedRequestFactory(team=team, name="Contacts")

    assert new(team, is_trial=True).is_valid()
    assert new(team, is_trial=True, name="").is_valid()
    assert sentence(new(team, name=""), "name") == "This field is required."


# Address and parameters


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/", "This address may not be called"),
        ("http://127.0.0.1:8000/", "This address may not be called"),
        ("http://localhost/", "This address may not be called"),
        ("api.example/contacts", "Did you mean https://api.example/contacts?"),
        ("api.example:8443/contacts", "Did you mean https://api.example:8443/contacts?"),
        ("javascript:alert(1)", "Only http:// and https:// addresses can be called."),
        ("file:///etc/passwd", "Only http:// and https:// addresses can be called."),
        ("https://ann:pw@api.example/", "The address contains a user name or password"),
        ("https://[::1", "The address has no host that can be read."),
        ("https://api.example/a\\b", "The URL contains a backslash."),
        ("", "This field is required."),
        (f"{URL}?{'a' * 9000}", "at most 8,000 can be sent"),
    ],
)
def test_each_address_that_cannot_be_called_has_its_sentence(team: Team, url: str, said: str) -> None:
    assert said in sentence(new(team, url=url), "url")


def test_a_plain_http_address_is_right_for_a_request(team: Team) -> None:
    assert new(team, url="http://api.example/contacts").is_valid()


def test_the_parameters_are_those_of_the_url(team: Team) -> None:
    stored = factories.SavedRequestFactory(team=team, url=f"{URL}?q=a%20b&q=c&empty=")

    shown = SavedRequestForm(instance=stored, team=team)

    assert shown.parameter_pairs == [("q", "a b"), ("q", "c"), ("empty", "")]


def test_with_a_script_url_and_rows_say_the_same_and_the_url_stays_to_the_byte(team: Team) -> None:
    url = f"{URL}?q=a+b&c=d%2Fe"
    form = new(team, url=url, url_as_shown=URL, parameters=[("q", "a b"), ("c", "d/e")])

    assert saved(form).url == url


@pytest.mark.parametrize("shown", ["", URL])
def test_without_a_script_the_rows_are_taken_into_the_url(team: Team, shown: str) -> None:
    form = new(team, url=URL, url_as_shown=shown, parameters=[("q", "a b"), ("", ""), ("page", "1")])

    assert saved(form).url == f"{URL}?q=a%20b&page=1"


def test_without_a_script_a_row_that_was_emptied_leaves_the_url(team: Team) -> None:
    url = f"{URL}?q=a&page=1"
    form = new(team, url=url, url_as_shown=url, parameters=[("", ""), ("page", "1")])

    assert saved(form).url == f"{URL}?page=1"


@pytest.mark.parametrize("row", ["old", "edited as well"])
def test_without_a_script_a_query_that_was_edited_in_the_url_counts(team: Team, row: str) -> None:
    form = new(team, url=f"{URL}?q=new", url_as_shown=f"{URL}?q=old", parameters=[("q", row)])

    assert saved(form).url == f"{URL}?q=new"


# Method, headers, body, settings


def test_the_method_is_written_in_capitals_and_may_be_any_token(team: Team) -> None:
    assert saved(new(team, method=" patch ")).method == "PATCH"
    assert saved(new(team, name="Purge", method="purge")).method == "PURGE"
    assert saved(new(team, name="Blank", method="")).method == "GET"
    assert "must be one word" in sentence(new(team, name="Bad", method="GET /"), "method")
    assert "CONNECT asks a proxy" in sentence(new(team, name="Bad", method="CONNECT"), "method")


def test_headers_are_kept_in_order_without_the_rows_left_empty(team: Team) -> None:
    form = new(team, headers=[(" Accept ", "text/csv"), ("", ""), ("Prefer", "a"), ("Prefer", "b")])

    assert saved(form).headers == [["Accept", "text/csv"], ["Prefer", "a"], ["Prefer", "b"]]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (("", "value"), "A header has a value but no name."),
        (("My header", "x"), "“My header” cannot be the name of a header"),
        (("Host", "evil.example"), "The header Host is set by the sender itself."),
        (("X-A", "a\r\nX-B: b"), "The header X-A contains a line break"),
        (("X-A", "→"), "The header X-A contains a character that HTTP headers cannot carry"),
    ],
)
def test_a_header_that_cannot_be_sent_has_its_sentence(
    team: Team, header: tuple[str, str], said: str
) -> None:
    assert said in sentence(new(team, headers=[header]), "headers")


def test_what_is_wrong_with_the_json_is_told_with_its_line(team: Team) -> None:
    said = sentence(new(team, body_kind="json", body='{\n  "a": 1,\n  b\n}'), "body")

    assert "The body is not JSON" in said
    assert "line 3, column 3" in said


def test_an_empty_json_body_is_asked_for(team: Team) -> None:
    assert "The JSON body is empty." in sentence(new(team, body_kind="json", body=" "), "body")


def test_a_body_that_is_not_sent_is_not_judged(team: Team) -> None:
    assert saved(new(team, body_kind="none", body="{half")).body == "{half"


@pytest.mark.parametrize(("typed", "seconds"), [("", 30), ("1", 1), ("120", 120)])
def test_a_call_may_take_from_1_to_120_seconds(team: Team, typed: str, seconds: int) -> None:
    assert saved(new(team, timeout_seconds=typed)).timeout_seconds == seconds


@pytest.mark.parametrize("typed", ["0", "-1", "121"])
def test_a_call_may_take_no_other_time(team: Team, typed: str) -> None:
    form = new(team, timeout_seconds=typed)

    assert not form.is_valid()
    assert list(form.errors) == ["timeout_seconds"]


def test_redirects_are_followed_when_the_box_is_ticked(team: Team) -> None:
    assert saved(new(team, follow_redirects="on")).follow_redirects
    assert not saved(new(team, name="Blank")).follow_redirects


# Authorization


def rendered(saved_request: SavedRequest) -> rendering.RenderedRequest:
    secret = saved_request.secret or ""
    match saved_request.authorization_kind:
        case AuthorizationKind.BEARER:
            credential: rendering.Authorization = rendering.Bearer(secret)
        case AuthorizationKind.BASIC:
            credential = rendering.Basic(saved_request.username, secret)
        case _:
            place = rendering.Place(saved_request.api_key_place)
            credential = rendering.ApiKey(place, saved_request.api_key_name, secret)
    template = rendering.RequestTemplate(saved_request.method, saved_request.url, authorization=credential)
    return rendering.render(template)


@pytest.mark.parametrize("pasted", ["t0ken", "Bearer t0ken", "  bearer  t0ken "])
def test_a_bearer_token_pasted_with_the_word_is_sent_with_it_once(team: Team, pasted: str) -> None:
    stored = saved(new(team, authorization_kind="bearer", bearer_token=pasted))

    assert stored.secret == "t0ken"
    assert rendered(stored).header("Authorization") == "Bearer t0ken"


def test_a_password_may_be_empty_if_there_is_a_user_name(team: Team) -> None:
    stored = saved(new(team, authorization_kind="basic", username="key-1"))

    assert rendered(stored).header("Authorization") == "Basic a2V5LTE6"
    assert "User name and password are empty." in sentence(
        new(team, name="Bad", authorization_kind="basic"), "authorization_kind"
    )


def test_an_api_key_goes_where_it_is_said_to_go(team: Team) -> None:
    key = {"authorization_kind": "api_key", "api_key_value": "k3y"}

    in_header = saved(new(team, api_key_name="X-Api-Key", **key))
    in_query = saved(new(team, name="Query", api_key_name="key", api_key_place="query", **key))

    assert rendered(in_header).header("X-Api-Key") == "k3y"
    assert rendered(in_query).url == f"{URL}?key=k3y"
    assert "The API key has no name" in sentence(new(team, name="Bad", **key), "authorization_kind")


@pytest.mark.parametrize(
    ("kind", "field", "said"),
    [
        ("bearer", "bearer_token", "Enter the bearer token, or choose None."),
        ("api_key", "api_key_value", "Enter the value, or choose None."),
    ],
)
def test_a_credential_that_was_chosen_and_not_typed_is_asked_for(
    team: Team, kind: str, field: str, said: str
) -> None:
    assert sentence(new(team, authorization_kind=kind, api_key_name="X-Key"), field) == said


def test_two_authorization_headers_are_one_too_many(team: Team) -> None:
    form = new(
        team, authorization_kind="bearer", bearer_token="t", headers=[("authorization", "Bearer other")]
    )

    assert "Headers already has an Authorization header." in sentence(form, "authorization_kind")


def test_a_connection_has_to_be_chosen(team: Team) -> None:
    said = sentence(new(team, authorization_kind="oauth"), "connection")
    assert said == "Choose a connection, or make one with New."


def test_a_connection_of_another_team_cannot_be_chosen(team: Team) -> None:
    own = factories.ConnectionFactory(team=team, allowed_hosts=["api.example"])
    foreign = factories.ConnectionFactory()

    assert saved(new(team, authorization_kind="oauth", connection=str(own.pk))).connection == own
    form = new(team, name="Foreign", authorization_kind="oauth", connection=str(foreign.pk))
    assert "Select a valid choice" in sentence(form, "connection")
    assert str(foreign.name) not in str(form.errors)


@pytest.mark.parametrize("connection", ["1", "no-uuid", "\x00"])
def test_a_connection_that_is_no_id_is_no_crash(team: Team, connection: str) -> None:
    assert "connection" in new(team, authorization_kind="oauth", connection=connection).errors


def test_a_connection_is_let_go_with_another_kind(team: Team) -> None:
    connection = factories.ConnectionFactory(team=team, allowed_hosts=["api.example"])
    stored = saved(new(team, authorization_kind="oauth", connection=str(connection.pk)))

    assert saved(edited(stored, authorization_kind="none", connection=str(connection.pk))).connection is None


def test_a_secret_is_never_in_the_form(team: Team) -> None:
    stored = bearer(team)

    shown = SavedRequestForm(instance=stored, team=team)
    again = edited(stored, bearer_token="typed-t0ken", url="nowhere")

    assert "t0ken-of-ann" not in str(shown["bearer_token"])
    assert "Stored. Leave this blank to keep it" in str(shown["bearer_token"].help_text)
    assert not again.is_valid()
    assert "typed-t0ken" not in str(again["bearer_token"])


def test_a_blank_secret_keeps_the_stored_one(team: Team) -> None:
    stored = saved(edited(bearer(team), url=f"{URL}/all", bearer_token=" "))

    assert (stored.secret, stored.url) == ("t0ken-of-ann", f"{URL}/all")


@pytest.mark.parametrize("url", ["https://evil.example/", "http://api.example/", "https://api.example:8443/"])
def test_a_stored_secret_goes_to_no_other_host(team: Team, url: str) -> None:
    stored = bearer(team)

    assert sentence(edited(stored, url=url), "bearer_token").startswith("Enter it again: the address changed")
    assert saved(edited(stored, url=url, bearer_token="another")).secret == "another"


@pytest.mark.parametrize("url", ["https://evil.example/", "http://api.example/"])
def test_trying_does_not_send_it_to_another_host_either(team: Team, url: str) -> None:
    stored = bearer(team)
    data = posted(url=url, authorization_kind="bearer")

    form = SavedRequestForm(data, instance=stored, team=team, is_trial=True)

    assert list(form.errors) == ["bearer_token"]


def test_a_secret_of_one_kind_is_not_sent_as_another(team: Team) -> None:
    stored = bearer(team)

    form = edited(stored, authorization_kind="api_key", api_key_name="X-Key")
    assert sentence(form, "api_key_value") == "Enter the value, or choose None."
    assert saved(edited(stored, authorization_kind="none")).secret is None


def test_a_secret_that_cannot_be_read_any_more_can_be_entered_again(team: Team, settings: Settings) -> None:
    stored = bearer(team)
    settings.ENCRYPTION_KEYS = {7: bytes(32)}

    assert "cannot be read any more" in sentence(edited(stored), "bearer_token")
    assert saved(edited(stored, bearer_token="another")).secret == "another"


# Records, pagination, table


def test_a_path_that_is_no_jmespath_is_told_at_its_field(team: Team) -> None:
    assert sentence(new(team, records_path="data["), "records_path")
    assert saved(new(team, records_path=" data.items ")).records_path == "data.items"


def test_page_parameters_have_defaults_that_fit_most_apis(team: Team) -> None:
    assert saved(new(team, pagination_kind="page")).pagination == {
        "kind": "page",
        "parameter": "page",
        "start": 1,
    }


def test_pagination_is_kept_as_typed(team: Team) -> None:
    form = new(
        team,
        pagination_kind="page",
        page_parameter="p",
        page_start="0",
        pagination_end="total_pages",
        page_total_path="meta.total_pages",
        pagination_extent="some",
        pagination_pages="3",
    )

    stored = saved(form)

    assert stored.pagination == {
        "kind": "page",
        "parameter": "p",
        "start": 0,
        "total_pages": "meta.total_pages",
        "pages": 3,
    }
    shown = SavedRequestForm(instance=stored, team=team)
    assert [
        shown[name].value() for name in ("pagination_kind", "page_parameter", "page_start", "page_total_path")
    ] == ["page", "p", 0, "meta.total_pages"]
    assert [shown[name].value() for name in ("pagination_end", "pagination_extent", "pagination_pages")] == [
        "total_pages",
        "some",
        3,
    ]


OF_KINDS = [
    {"pagination_kind": "link_header"},
    {"pagination_kind": "next_url", "next_url_path": "links.next"},
    {"pagination_kind": "offset", "offset_parameter": "skip", "limit_parameter": "", "offset_limit": "50"},
    {"pagination_kind": "cursor", "cursor_path": "meta.next", "cursor_parameter": "after"},
    {"pagination_kind": "cursor", "cursor_source": "last_record", "cursor_path": "id"},
    {"pagination_kind": "page_body", "page_body_path": "query.page", "page_start": "0"},
    {"pagination_kind": "offset_body", "offset_body_path": "from", "limit_body_path": "size"},
    {"pagination_kind": "cursor_body", "cursor_path": "next_cursor", "cursor_body_path": "start_cursor"},
]


@pytest.mark.parametrize("typed", OF_KINDS, ids=[" ".join(typed.values()) for typed in OF_KINDS])
def test_each_kind_of_pagination_is_kept_and_shown_as_typed(team: Team, typed: dict[str, str]) -> None:
    stored = saved(new(team, **typed))

    shown = SavedRequestForm(instance=stored, team=team)
    assert {name: str(shown[name].value()) for name in typed} == typed
    # What is shown is what would be posted: nothing changes by saving it again.
    values = {name: shown[name].value() for name in shown.fields if name.startswith(PAGED)}
    again = {name: "" if value is None else str(value) for name, value in values.items()}
    assert saved(edited(stored, **again)).pagination == stored.pagination


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"pagination_kind": "page", "page_start": "-1"}, "page_start"),
        (
            {"pagination_kind": "page", "pagination_end": "total_pages", "page_total_path": "meta["},
            "page_total_path",
        ),
        ({"pagination_kind": "page", "pagination_end": "has_more"}, "has_more_path"),
        ({"pagination_kind": "page", "pagination_extent": "some"}, "pagination_pages"),
        ({"pagination_kind": "page_body", "page_body_path": "a b"}, "page_body_path"),
        ({"pagination_kind": "next_url", "next_url_path": "links["}, "next_url_path"),
        ({"pagination_kind": "next_url"}, "next_url_path"),
        ({"pagination_kind": "cursor"}, "cursor_path"),
        ({"pagination_kind": "spiral"}, "pagination_kind"),
    ],
)
def test_what_is_wrong_with_pagination_is_told_at_its_field(
    team: Team, typed: dict[str, str], field: str
) -> None:
    assert sentence(new(team, **typed), field)


def test_pagination_of_the_kind_that_is_not_chosen_is_not_judged(team: Team) -> None:
    assert saved(new(team, pagination_kind="none", page_total_path="meta[")).pagination == {"kind": "none"}


def test_the_table_is_named_like_the_request_unless_it_is_said(team: Team) -> None:
    assert str(saved(new(team, name="All Contacts")).table) == "all_contacts"
    assert str(saved(new(team, name="顧客")).table) == "顧客"
    assert str(saved(new(team, name="!!!")).table) == "rows"
    assert str(saved(new(team, name="Other", table_name="crm")).table) == "crm"


def test_two_requests_may_share_a_table_and_no_other_team_does(team: Team) -> None:
    first = saved(new(team, name="North", table_name="contacts"))
    second = saved(new(team, name="South", table_name="contacts"))
    foreign = saved(new(factories.TeamFactory(), name="North", table_name="contacts"))

    assert first.table == second.table
    assert foreign.table != first.table


# Saving


def test_the_version_grows_with_each_edit(team: Team) -> None:
    stored = saved(new(team))
    assert stored.version == 1

    assert saved(edited(stored, url=f"{URL}/all")).version == 2
    assert saved(edited(stored, url=f"{URL}/some")).version == 3


def test_two_edits_at_once_are_two_versions(team: Team) -> None:
    stored = saved(new(team))
    first, second = edited(stored, url=f"{URL}/1"), edited(stored, url=f"{URL}/2")
    assert first.is_valid()
    assert second.is_valid()

    assert first.save_request()
    assert second.save_request()

    assert SavedRequest.objects.get().version == 3
    assert second.instance.version == 3


def test_what_is_changed_is_told_by_its_value(team: Team, editor: User) -> None:
    stored = bearer(team)

    form = edited(stored, method="get", bearer_token="t0ken-of-ann")
    assert form.is_valid()
    assert form.changed_settings == set()

    form = edited(stored, method="POST", bearer_token="another", table_name="crm")
    assert form.is_valid()
    assert form.changed_settings == {"method", "secret", "table"}


def test_the_maker_of_a_request_is_who_made_it(team: Team, editor: User, owner: User) -> None:
    data = posted(name="Contacts", url=URL)
    made = saved(SavedRequestForm(data, instance=SavedRequest(team=team), team=team, user=editor))

    changed = saved(SavedRequestForm(data, instance=made, team=team, user=owner))

    assert changed.created_by == editor


# Schedules


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ({"kind": "minutes", "every": "15"}, schedules.Minutes(15)),
        (
            {"kind": "hours", "every": "2", "timezone": "Europe/Berlin"},
            schedules.Hours(2, timezone="Europe/Berlin"),
        ),
        (
            {"kind": "daily", "at": "06:00", "timezone": "Europe/Berlin"},
            schedules.from_config({"daily": "06:00", "timezone": "Europe/Berlin"}),
        ),
        (
            {"kind": "weekly", "weekdays": ["friday"], "at": "16:30"},
            schedules.from_config({"weekly": "friday", "at": "16:30"}),
        ),
        (
            {
                "kind": "weekly",
                "weekdays": ["monday", "thursday"],
                "at": "16:30",
                "start": "2026-12-01T06:00",
            },
            schedules.from_config(
                {"weekly": ["monday", "thursday"], "at": "16:30", "start": "2026-12-01 06:00"}
            ),
        ),
        ({"kind": "weekdays", "at": "07:15"}, schedules.from_config({"weekdays": "07:15"})),
        (
            {
                "kind": "monthly",
                "day": "31",
                "short_months": "skip",
                "at": "06:00",
                "end": "2027-01-31T06:00",
            },
            schedules.from_config(
                {"monthly": 31, "short_months": "skip", "at": "06:00", "end": "2027-01-31T06:00"}
            ),
        ),
        (
            {"kind": "monthly", "day": "last", "at": "06:00"},
            schedules.from_config({"monthly": "last", "at": "06:00"}),
        ),
        ({"kind": "cron", "cron": "0 6 * * 1-5"}, schedules.Cron("0 6 * * 1-5")),
    ],
)
def test_a_schedule_is_what_was_typed_and_comes_back_so(
    team: Team, now: datetime, typed: dict[str, Any], rule: schedules.Rule
) -> None:
    form = ScheduleForm(typed)

    assert form.is_valid(), form.errors
    assert form.cleaned_data["rule"] == rule
    schedule = Schedule(rule=schedules.to_config(rule), next_at=now + timedelta(hours=1))
    again = ScheduleForm(ScheduleForm.as_typed(schedule))
    assert again.is_valid(), again.errors
    assert again.cleaned_data["rule"] == rule


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"kind": "minutes"}, "every", "Enter how many minutes lie between two runs."),
        ({"kind": "hours", "every": ""}, "every", "Enter how many hours lie between two runs."),
        ({"kind": "minutes", "every": "0"}, "every", "greater than or equal to 1"),
        ({"kind": "hours", "every": "99999999"}, "every", "The longest interval is 366 days."),
        ({"kind": "daily"}, "at", "Write the time as hours and minutes, such as 06:00."),
        ({"kind": "daily", "at": "24:00"}, "at", "24:00 is not a time of day"),
        ({"kind": "weekly", "at": "06:00"}, "weekdays", "Choose one day of the week or more."),
        ({"kind": "weekly", "weekdays": ["monday"]}, "at", "Write the time as hours and minutes"),
        ({"kind": "weekdays", "at": "6"}, "at", "Write the time as hours and minutes"),
        ({"kind": "monthly", "at": "06:00"}, "day", "Write the day as a number from 1 to 31, or last."),
        ({"kind": "monthly", "day": "15"}, "at", "Write the time as hours and minutes"),
        ({"kind": "monthly", "day": "15", "at": "06:00", "short_months": "never"}, "short_months", "valid"),
        ({"kind": "daily", "at": "06:00", "start": "soon"}, "start", "Write a day, or a day and a time"),
        ({"kind": "daily", "at": "06:00", "end": "2026-02-30"}, "end", "is not in the calendar"),
        ({"kind": "daily", "at": "06:00", "end": "9999-12-31"}, "end", "The year must lie between"),
        (
            {"kind": "daily", "at": "06:00", "start": "2026-12-02", "end": "2026-12-01"},
            "end",
            "The end lies before the start.",
        ),
        ({"kind": "daily", "at": "06:00", "catch_up": "perhaps"}, "catch_up", "valid choice"),
        ({"kind": "daily", "at": "06:00", "overlap": "both"}, "overlap", "valid choice"),
        ({"kind": "cron", "cron": "61 * * * *"}, "cron", "“61” in the minute field: it takes 0 to 59"),
        ({"kind": "cron"}, "cron", "It needs five: minute, hour, day, month, day of week."),
        ({"kind": "cron", "cron": "0 0 30 2 *"}, "cron", "This never runs"),
        (
            {"kind": "daily", "at": "06:00", "timezone": "Europe/Berln"},
            "timezone",
            "Do you mean Europe/Berlin?",
        ),
        ({"kind": "yearly"}, "kind", "Select a valid choice"),
    ],
)
def test_a_schedule_that_cannot_be_kept_has_its_sentence(
    typed: dict[str, Any], field: str, said: str
) -> None:
    assert said in sentence(ScheduleForm(typed), field)


def test_a_request_that_nobody_has_named_is_named_after_its_url(team: Team, editor: User) -> None:
    for name in ("Contacts of api.example", "Contacts of api.example 2"):
        form = SavedRequestForm(posted(name="", url=URL), team=team, user=editor)
        request = saved(form)
        assert request.name == name
        assert request.table is not None
        assert request.table.name == name.lower().replace(" ", "_").replace(".", "_")


def test_update_needs_key_fields_and_keeps_them_as_typed(team: Team) -> None:
    assert "which record is which" in sentence(new(team, write_mode="update"), "key_fields")

    stored = saved(new(team, write_mode="update", key_fields=" id, region ,id,"))

    assert stored.key_fields == ["id", "region"]
    assert SavedRequestForm(instance=stored, team=team)["key_fields"].value() == "id, region"
