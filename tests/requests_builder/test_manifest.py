"""A team as one file that belongs in Git: applied, applied again, exported."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from pytest_django.fixtures import Settings

from accounts.models import Membership, Role, Team, User
from connections import grants
from connections.models import Connection, ConnectionState, Token
from requests_builder import manifest, runs, schedules
from requests_builder.models import Run, SavedRequest, Schedule, Table
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fast_hashing(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


ACME = """
team: Acme
users:
  - {email: ann@example.org, role: owner, password: "${ANN_PASSWORD}"}
connections:
  - name: CRM
    authorization_url: https://crm.example/oauth/authorize
    token_url: https://crm.example/oauth/token
    client_id: abc
    client_secret: "${CRM_SECRET}"
    scopes: contacts.read offline_access
    advanced: {pkce: auto, client_authentication: auto, authorization_parameters: {prompt: consent}}
    tokens: {access_token: "${AT}", refresh_token: "${RT}", expires_in: 300}
requests:
  - name: Contacts
    method: GET
    url: https://crm.example/api/contacts?per_page=100
    headers: {Accept: application/json}
    authorization: {oauth: CRM}          # or {bearer: ...}, {basic: {username: ..., password: ...}}
    records: data
    pagination: {kind: page, parameter: page, start: 1}     # or {kind: next_url, path: links.next}
    write_mode: replace
    table: contacts
    schedule: {every: 5 minutes}         # or {cron: "0 6 * * 1-5", timezone: Europe/Berlin}
"""
ENVIRONMENT = {
    "ANN_PASSWORD": "correct horse battery",
    "CRM_SECRET": "s3cret-of-the-app",
    "AT": "access-of-before",
    "RT": "refresh-of-before",
}
CONNECTION = """
  - name: CRM
    authorization_url: https://crm.example/oauth/authorize
    token_url: https://crm.example/oauth/token
    client_id: abc
"""
OWNER = "users: [{email: ann@example.org, role: owner}]"


def applied(text: str, now: datetime, *, is_rehearsal: bool = False, **environment: str) -> list[str]:
    document = manifest.load(text, ENVIRONMENT | environment)
    return manifest.apply(document, now=now, is_rehearsal=is_rehearsal).lines


def refusal(text: str, now: datetime, **environment: str) -> str:
    """The sentence that the file is refused with; nothing has changed."""
    before = everything()
    with pytest.raises(manifest.InvalidManifest) as refused:
        applied(text, now, **environment)
    assert everything() == before
    for secret in ENVIRONMENT.values():
        assert secret not in str(refused.value)
    return str(refused.value)


def everything() -> dict[str, Any]:
    """All that a file can touch."""
    models = (Team, User, Membership, Connection, Token, SavedRequest, Schedule, Table)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def with_request(**lines: str) -> str:
    """A team with one request; the lines are added to it or stand in place of its own."""
    own = {"name": "Contacts", "url": "https://crm.example/api/contacts"} | lines
    entry = "\n    ".join(f"{key}: {value}" for key, value in own.items())
    return f"team: Acme\n{OWNER}\nconnections: {CONNECTION}\nrequests:\n  - {entry}\n"


def with_advanced(**lines: str) -> str:
    more = "".join(f"    {key}: {value}\n" for key, value in lines.items())
    return f"team: Acme\n{OWNER}\nconnections: {CONNECTION}{more}"


# The file as it is meant to be


def test_the_file_makes_all_that_it_names(now: datetime) -> None:
    lines = applied(ACME, now)

    assert lines == [
        "team Acme: created",
        "user ann@example.org: created",
        "connection CRM: created",
        "request Contacts: created",
    ]
    team = Team.objects.get(name="Acme")
    assert Membership.objects.get(team=team).role == Role.OWNER
    assert authenticate(username="ann@example.org", password=ENVIRONMENT["ANN_PASSWORD"]) is not None
    connection = team.connections.get()
    assert connection.client_secret == "s3cret-of-the-app"
    assert connection.authorization_parameters == {"prompt": "consent"}
    assert (connection.state, connection.scopes) == (
        ConnectionState.CONNECTED,
        "contacts.read offline_access",
    )
    token = Token.objects.get(connection=connection)
    assert (token.access_token, token.refresh_token) == ("access-of-before", "refresh-of-before")
    assert token.expires_at == now + timedelta(seconds=300)
    saved = team.saved_requests.get()
    assert (saved.method, saved.url) == ("GET", "https://crm.example/api/contacts?per_page=100")
    assert (saved.headers, saved.records_path) == ([["Accept", "application/json"]], "data")
    assert (saved.authorization_kind, saved.connection) == ("oauth", connection)
    assert saved.pagination == {"kind": "page", "parameter": "page", "start": 1}
    assert (saved.write_mode, str(saved.table)) == ("replace", "contacts")
    assert saved.schedule.rule == {"every": "5 minutes"}
    assert saved.schedule.next_at == now + timedelta(minutes=5)


def test_the_same_file_again_changes_nothing(now: datetime) -> None:
    applied(ACME, now)
    before = everything()

    lines = applied(ACME, now + timedelta(minutes=3))

    assert lines == [
        "team Acme: unchanged",
        "user ann@example.org: unchanged",
        "connection CRM: unchanged",
        "request Contacts: unchanged",
    ]
    assert everything() == before


@pytest.mark.parametrize(
    "lines",
    [
        {},
        {"method": "get"},
        {"pagination": "{kind: page}"},
        {"pagination": "{kind: page, total_pages: meta.total_pages}"},
        {"write_mode": "update", "key": "[id, region]"},
        {"pagination": "{kind: next_url, path: links.next}"},
        {"body": "{b: 1, a: [x]}", "method": "POST"},
        {"body": '|\n      {\n        "a": 1\n      }\n', "method": "POST"},
        {"headers": "[[A, '1'], [A, '2']]"},
        {"authorization": "{bearer: '${AT}'}"},
        {"authorization": "{basic: {username: ann, password: '${AT}'}}"},
        {"authorization": "{basic: {username: ann}}"},
        {"authorization": "{api_key: {in: query, name: key, value: '${AT}'}}"},
        {"authorization": "{api_key: {name: X-Key, value: '${AT}'}}"},
        {"timeout_seconds": "60", "follow_redirects": "false", "records": "' data '", "write_mode": "append"},
        {"schedule": "{weekly: mon, at: '06:00', timezone: Europe/Berlin}"},
        {"schedule": "{every: 60 min, paused: true}"},
        {"schedule": "{weekdays: '06:00', catch_up: all, overlap: queue}"},
        {"schedule": "{weekly: [monday, fri], at: '06:00', start: 2026-12-01, end: 2026-12-24 18:00:00}"},
        {"schedule": "{monthly: 31, at: '06:00', short_months: skip, start: '2026-12-01 06:00'}"},
        {"schedule": "{monthly: last, at: '06:00', catch_up: skip}"},
        {"name": "'  Contacts '"},
    ],
    ids=lambda lines: next(iter(lines), "plain"),
)
def test_whatever_a_request_is_like_the_same_file_again_changes_nothing(
    now: datetime, lines: dict[str, str]
) -> None:
    text = with_request(**lines)
    assert applied(text, now)[-1] == "request Contacts: created"
    before = everything()

    assert {line.rpartition(": ")[2] for line in applied(text, now + timedelta(hours=1))} == {"unchanged"}

    assert everything() == before


def test_what_is_changed_is_named(now: datetime) -> None:
    applied(ACME, now)
    text = ACME.replace("scopes: contacts.read", "scopes: orders.read").replace("per_page=100", "per_page=50")

    lines = applied(text.replace("5 minutes", "1 hour"), now, CRM_SECRET="another")

    assert lines[2:] == [
        "connection CRM: changed client_secret, scopes",
        "request Contacts: changed url, schedule",
    ]
    assert SavedRequest.objects.get().version == 2
    assert Schedule.objects.get().next_at == now + timedelta(hours=1)


def test_what_the_file_does_not_name_is_left_alone(now: datetime) -> None:
    applied(ACME, now)
    before = everything()

    applied("team: Acme", now)
    applied(f"team: Acme\nconnections: {CONNECTION}", now)
    applied(ACME.replace("schedule:", "#"), now)

    assert everything() == before


def test_a_change_of_policy_is_a_change_of_the_schedule_and_moves_no_due_time(now: datetime) -> None:
    applied(ACME, now)
    text = ACME.replace("5 minutes}", "5 minutes, catch_up: all, overlap: queue}")

    assert applied(text, now + timedelta(minutes=1))[-1] == "request Contacts: changed schedule"

    schedule = Schedule.objects.get()
    assert (schedule.catch_up, schedule.overlap) == ("all", "queue")
    assert schedule.next_at == now + timedelta(minutes=5)


def test_a_schedule_that_is_null_is_taken_off(now: datetime) -> None:
    applied(ACME, now)
    text = ACME.replace("schedule: {every: 5 minutes}", "schedule: null")

    assert applied(text, now)[-1] == "request Contacts: changed schedule"
    assert not Schedule.objects.exists()
    assert applied(text, now)[-1] == "request Contacts: unchanged"


def test_a_schedule_can_be_paused_and_resumed(now: datetime) -> None:
    applied(ACME, now)
    paused = ACME.replace("5 minutes}", "5 minutes, paused: true}")

    assert applied(paused, now)[-1] == "request Contacts: changed schedule"
    assert Schedule.objects.get().is_paused
    # What does not say leaves it as it is.
    assert applied(ACME, now)[-1] == "request Contacts: unchanged"
    later = now + timedelta(hours=2)
    assert applied(paused.replace("true", "false"), later)[-1] == "request Contacts: changed schedule"
    assert Schedule.objects.get().next_at == later + timedelta(minutes=5)


def test_a_rehearsal_says_the_same_and_changes_nothing(now: datetime) -> None:
    before = everything()

    lines = applied(ACME, now, is_rehearsal=True)

    assert lines == applied(ACME, now)
    assert before != (after := everything())
    text = ACME.replace("per_page=100", "per_page=50").replace("abc", "other")
    assert applied(text, now, is_rehearsal=True)[2:] == [
        "connection CRM: changed client_id, tokens",
        "request Contacts: changed url",
    ]
    assert everything() == after


def test_nothing_is_run_by_applying(now: datetime) -> None:
    applied(ACME, now)

    assert not Run.objects.exists()


# All or nothing


def test_an_error_in_the_last_entry_undoes_the_first(now: datetime) -> None:
    said = refusal(f"{ACME}  - name: Broken\n    url: http://169.254.169.254/\n", now)

    assert said.startswith("requests[1] (Broken).url: This address may not be called")
    assert not Team.objects.exists()


def test_everything_that_is_wrong_with_an_entry_is_told_at_once(now: datetime) -> None:
    text = with_request(url="nowhere", records="'data['", authorization="{bearer: '${AT}'}")

    said = refusal(text, now).splitlines()

    assert len(said) == 2
    assert said[0].startswith("requests[0] (Contacts).url: This is not a whole address.")
    assert said[1].startswith("requests[0] (Contacts).records: ")


# Tokens


def test_tokens_are_taken_in_once_and_never_over_newer_ones(now: datetime) -> None:
    applied(ACME, now)
    token = Token.objects.get()
    Token.objects.update(version=2, **token.seal("access-rotated", "refresh-rotated"))

    assert applied(ACME, now)[2] == "connection CRM: unchanged"

    token = Token.objects.get()
    assert (token.access_token, token.refresh_token) == ("access-rotated", "refresh-rotated")


def test_a_connection_that_has_no_token_yet_takes_them_in_later(now: datetime) -> None:
    applied(ACME.replace("    tokens:", "    #"), now)
    assert Connection.objects.get().state == ConnectionState.NEW

    assert applied(ACME, now)[2] == "connection CRM: changed tokens"

    assert Connection.objects.get().state == ConnectionState.CONNECTED
    assert grants.fresh_token(Connection.objects.get(), now=now).value == "access-of-before"


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("{refresh_token: '${RT}'}", "access_token is missing"),
        ("{access_token: ''}", "tokens.access_token: must be a text"),
        ("{access_token: 12}", "tokens.access_token: must be a text"),
        ("{access_token: a, expires_in: soon}", "tokens.expires_in: must be a number of seconds"),
        ("{access_token: a, expires_in: -1}", "tokens.expires_in: must be a number of seconds"),
        ("{access_token: a, expires_in: true}", "tokens.expires_in: must be a number of seconds"),
        ("{access_token: a, scope: x}", "tokens: unknown key scope; known are access_token"),
    ],
)
def test_tokens_that_cannot_be_are_refused(now: datetime, tokens: str, said: str) -> None:
    assert said in refusal(with_advanced(tokens=tokens), now)


def test_how_long_a_token_lives_may_come_from_a_variable(now: datetime) -> None:
    applied(with_advanced(tokens="{access_token: a, expires_in: '${LIFE}'}"), now, LIFE="60")

    assert Token.objects.get().expires_at == now + timedelta(seconds=60)


# What is wrong, and where


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file: it must be a mapping that begins with team:."),
        ("[]", "file: it must be a mapping"),
        ("team: [", "file: it is not YAML:"),
        ("users: []", "team: give the team a name of at most 100 characters."),
        ("team: 12", "team: give the team a name"),
        (
            "team: Acme\nteams: x",
            "file: unknown key teams; known are team, users, connections, variables, requests.",
        ),
        ("team: Acme", "users: the team Acme is new: name at least one user with the role owner."),
        (f"team: Acme\n{OWNER}\nrequests: x", "requests: must be a list."),
        (f"team: Acme\n{OWNER}\nrequests: [x]", "requests[0]: must be a mapping."),
        ("team: Acme\nusers: [{mail: a}]", "users[0]: unknown key mail; known are email, role, password"),
        ("team: Acme\nusers: [{email: ann}]", "users[0] (ann).email: this is not an e-mail address."),
        (
            "team: Acme\nusers: [{email: a@b.org, role: boss}]",
            "users[0] (a@b.org).role: must be one of viewer, editor, admin, owner.",
        ),
        (
            "team: Acme\nusers: [{email: a@b.org, role: owner, password: 123456}]",
            "users[0] (a@b.org).password: must be a text: put it in quotation marks.",
        ),
        (
            "team: Acme\nusers: [{email: a@b.org}, {email: a@b.org}]",
            "users[1]: a@b.org is there twice.",
        ),
        (with_advanced(secret="x"), "connections[0] (CRM): unknown key secret; known are name"),
        (with_advanced(advanced="{pcke: off}"), "connections[0] (CRM).advanced: unknown key pcke; known are"),
        (with_advanced(advanced="{pkce: S512}"), "connections[0] (CRM).pkce: Select a valid choice."),
        (
            with_advanced(advanced="{authorization_parameters: {client_id: x}}"),
            "connections[0] (CRM).authorization_parameters: “client_id” is sent from the fields",
        ),
        (
            with_advanced(advanced="{authorization_parameters: {max_age: 60}}"),
            "“max_age” and its value must be texts: put them in quotation marks.",
        ),
        (with_advanced(client_secret="0123"), "client_secret: must be a text: put it in quotation marks."),
        (with_advanced(scopes="[a, b]"), "connections[0] (CRM).scopes: must be a text"),
        (
            with_advanced(token_url="http://crm.example/"),
            "file: it is not YAML: the key token_url is there twice",
        ),
        (with_request(paging="x"), "requests[0] (Contacts): unknown key paging; known are name, method"),
        (with_request(url="javascript:alert(1)"), "requests[0] (Contacts).url: Only http:// and https://"),
        (with_request(name="12"), "requests[0] (12).name: must be a text"),
        (with_request(timeout_seconds="0"), "requests[0] (Contacts).timeout_seconds: A call may take"),
        (with_request(timeout_seconds="soon"), "timeout_seconds: must be a number of seconds."),
        (with_request(follow_redirects="'no'"), "follow_redirects: must be true or false."),
        (with_request(write_mode="merge"), "requests[0] (Contacts).write_mode: Select a valid choice."),
        (with_request(write_mode="update"), "requests[0] (Contacts).key: Update needs to know which record"),
        (with_request(key="{a: b}"), "requests[0] (Contacts).key: must be the name of a column, or a list"),
        (with_request(headers="{A: 1}"), "headers: names and values must be texts: put them in quotation"),
        (
            with_request(headers="{Host: evil.example}"),
            "headers: The header Host is set by the sender itself.",
        ),
        (with_request(body="'{'"), "requests[0] (Contacts).body: The body is not JSON"),
        (
            with_request(authorization="{oauth: Other}"),
            "authorization.oauth: the team has no connection called",
        ),
        (with_request(authorization="{oauth: [CRM]}"), "authorization.oauth: must be a text"),
        (
            with_request(authorization="{}"),
            "authorization: needs exactly one of oauth, bearer, basic, api_key.",
        ),
        (
            with_request(authorization="{bearer: a, oauth: CRM}"),
            "authorization: needs exactly one of oauth, bearer, basic, api_key.",
        ),
        (
            with_request(authorization="{token: a}"),
            "authorization: unknown key token; known are bearer, basic",
        ),
        (with_request(authorization="{bearer: null}"), "authorization.bearer: must be a text"),
        (
            with_request(authorization="{basic: {user: a}}"),
            "authorization.basic: unknown key user; known are",
        ),
        (with_request(authorization="{basic: {password: 0123}}"), "must be a text"),
        (
            with_request(authorization="{api_key: {in: body, name: a, value: b}}"),
            "authorization.api_key.in: Select",
        ),
        (with_request(pagination="{kind: spiral}"), "pagination.kind: The kind of pagination must be"),
        (
            with_request(pagination="{kind: page, path: a}"),
            "pagination.path: Unknown key path. Pagination of the kind page knows kind, parameter",
        ),
        (with_request(pagination="{kind: page, start: one}"), "start must be a whole number."),
        (with_request(pagination="{kind: next_url}"), "pagination.path: Enter where the answer holds"),
        (
            with_request(pagination="{kind: page, total_pages: 'a['}"),
            "requests[0] (Contacts).pagination.total_pages",
        ),
        (with_request(schedule="{cron: '61 * * * *'}"), "schedule.cron: “61” in the minute field"),
        (
            with_request(schedule="{cron: '0 6 * * *', timezone: Berlin}"),
            "schedule.timezone: “Berlin” is not",
        ),
        (with_request(schedule="{}"), "requests[0] (Contacts).schedule: A schedule needs exactly one of"),
        (with_request(schedule="hourly"), "requests[0] (Contacts).schedule: A schedule is a mapping"),
        (
            with_request(schedule="{every: 5 minutes, catch_up: sometimes}"),
            "schedule.catch_up: must be one of skip, latest, all",
        ),
        (
            with_request(schedule="{every: 5 minutes, overlap: [queue]}"),
            "schedule.overlap: must be one of skip, queue",
        ),
        (
            with_request(schedule="{monthly: 32, at: '06:00'}"),
            "schedule.monthly: Write the day as a number from 1 to 31, or last.",
        ),
        (
            with_request(schedule="{daily: '06:00', start: soon}"),
            "schedule.start: Write a day, or a day and a time",
        ),
        (
            with_request(schedule="{every: 5 minutes, paused: maybe}"),
            "schedule.paused: must be true or false.",
        ),
        # YAML 1.1 reads this as 960 (base 60).
        (
            with_request(schedule="{daily: 16:00}"),
            "schedule.daily: daily must be text. Put the time in quotes.",
        ),
        (
            with_request(schedule="{weekly: monday, at: 16:00}"),
            "schedule.at: at must be text. Put the time in quotes.",
        ),
        (
            with_request(name="'Two'") + "  - {name: Two, url: https://a.example/}\n",
            "requests[1]: Two is there twice.",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(now: datetime, text: str, said: str) -> None:
    assert said in refusal(text, now)


def test_a_time_that_yaml_leaves_alone_is_read(now: datetime) -> None:
    applied(with_request(schedule="{daily: 06:00, timezone: Europe/Berlin}"), now)

    assert Schedule.objects.get().rule == {"daily": "06:00", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("team: &a Acme\nusers: [{email: *a}]", "aliases (*name) are not read (line 2, column 17)."),
        ("team: Acme\nteam: Other", "the key team is there twice (line 2, column 1)."),
        ("team: Acme\n? [a]\n: b", "a key must be a word"),
        ("team: Acme\n<<: {users: []}", "file: it is not YAML"),
        ("team: !!python/object/apply:os.system [id]", "file: it is not YAML"),
        ("team: !!map [a]", "this is not a mapping"),
        ("team: 2026-13-45", "file: it is not YAML that can be read"),
        ("team: \x07", "file: it is not YAML that can be read"),
        ("team: " + "[" * 5000, "file: it is not YAML"),
        ("team: " + "a" * 1_000_000, "file: it has more than 1,000,000 characters."),
        ('team: "a\\0b"', "team: give the team a name"),
        ('team: Acme\nusers: [{email: a@b.org, name: "\\0"}]', "name: contains a null character."),
    ],
)
def test_yaml_with_surprises_is_refused(now: datetime, text: str, said: str) -> None:
    assert said in refusal(text, now)


def test_a_mistake_in_yaml_does_not_print_the_line_it_is_in(now: datetime) -> None:
    said = refusal(f"team: Acme\nusers:\n  - password: {ENVIRONMENT['CRM_SECRET']}: [\n", now)

    assert "line 3" in said


# Variables


def test_a_variable_that_is_missing_is_named_with_its_place() -> None:
    with pytest.raises(manifest.InvalidManifest) as refused:
        manifest.load(ACME, {"ANN_PASSWORD": "x"})

    assert str(refused.value) == (
        "connections[0].client_secret: the environment has no variable CRM_SECRET: set it, then apply again."
    )


def test_variables_stand_anywhere_in_a_value_and_are_not_read_twice(now: datetime) -> None:
    applied(with_request(url="'https://${HOST}/api?token=${TOKEN}'"), now, HOST="crm.example", TOKEN="${AT}")

    assert SavedRequest.objects.get().url == "https://crm.example/api?token=${AT}"


def test_two_dollars_stand_for_one_that_is_no_variable(now: datetime) -> None:
    applied(with_request(headers="{A: '$${AT}', B: '$$${AT}', C: $5, D: '$$'}"), now)

    assert SavedRequest.objects.get().headers == [["A", "${AT}"], ["B", "$${AT}"], ["C", "$5"], ["D", "$$"]]


def test_no_line_of_what_changed_holds_a_secret(now: datetime) -> None:
    lines = applied(ACME, now) + applied(ACME, now, CRM_SECRET="another-s3cret", ANN_PASSWORD="new password")

    for secret in (*ENVIRONMENT.values(), "another-s3cret", "new password"):
        assert secret not in "\n".join(lines)
    assert "user ann@example.org: changed password" in lines


# Users


def test_somebody_who_has_an_account_becomes_a_member(now: datetime) -> None:
    user = factories.UserFactory(email="Ann@example.org")

    assert applied(f"team: Acme\n{OWNER}", now)[1] == "user ann@example.org: changed membership"

    assert User.objects.get() == user
    assert Membership.objects.get().role == Role.OWNER


def test_a_role_is_changed_but_for_the_last_owner(now: datetime) -> None:
    applied("team: Acme\nusers: [{email: a@b.org, role: owner}, {email: c@d.org, role: viewer}]", now)

    assert applied("team: Acme\nusers: [{email: c@d.org, role: editor}]", now)[1] == (
        "user c@d.org: changed role"
    )
    said = refusal("team: Acme\nusers: [{email: a@b.org, role: admin}]", now)
    assert said == "users[0] (a@b.org).role: a@b.org is the last owner of Acme: name another owner first."


def test_a_user_without_a_password_cannot_sign_in_with_an_empty_one(now: datetime) -> None:
    applied('team: Acme\nusers: [{email: a@b.org, role: owner, password: ""}]', now)

    assert not User.objects.get().has_usable_password()


def test_two_teams_of_the_same_name_are_told_apart_by_nobody(now: datetime) -> None:
    for slug in ("acme", "acme-2"):
        factories.TeamFactory(name="Acme", slug=slug)

    assert refusal("team: Acme", now) == "team: there are several teams called Acme; rename one of them."


@pytest.mark.requirement("R62")
def test_nothing_of_another_team_is_touched_or_found(now: datetime) -> None:
    foreign = factories.ConnectionFactory(name="CRM", client_id="foreign")
    factories.SavedRequestFactory(team=foreign.team, name="Contacts", url="https://foreign.example/")
    before = list(SavedRequest.objects.values())

    applied(ACME, now)

    assert list(SavedRequest.objects.filter(team=foreign.team).values()) == before
    foreign.refresh_from_db()
    assert foreign.client_id == "foreign"
    entry = "{name: A, url: 'https://a.example', authorization: {oauth: CRM}}"
    text = f"team: Other\n{OWNER}\nrequests: [{entry}]"
    assert "the team has no connection called CRM" in refusal(text, now)


# Connections


def test_what_an_entry_leaves_out_of_a_connection_stays(now: datetime) -> None:
    applied(ACME, now)

    applied(f"team: Acme\nconnections: {CONNECTION}", now)

    connection = Connection.objects.get()
    assert connection.client_secret == "s3cret-of-the-app"
    assert connection.authorization_parameters == {"prompt": "consent"}


def test_a_server_may_move_when_the_file_holds_the_secret(now: datetime) -> None:
    applied(ACME, now)
    moved = ACME.replace("token_url: https://crm.example", "token_url: https://new.example")

    assert "Enter the secret again" in refusal(moved.replace("    client_secret:", "    #"), now)
    assert applied(moved, now)[2] == "connection CRM: changed token_url, tokens"


# Export


def full_team(now: datetime) -> Team:
    """One of everything that a file can hold, with words that a file could stumble over."""
    applied(ACME, now)
    team = Team.objects.get()
    factories.member_of(team, Role.VIEWER, email="zoe@example.org")
    factories.ConnectionFactory(
        team=team,
        name="C.R.M.",
        pkce="off",
        scope_separator=",",
        authorization_parameters={"a": "${AT} $5"},
        client_secret="other-s3cret",
        revocation_url="https://provider.example/revoke",
    )
    factories.ConnectionFactory(team=team, name="crm", client_secret=None)
    table = factories.TableFactory(team=team, name="05")
    secrets = {"secret": "t0ken", "table": table}
    factories.SavedRequestFactory(team=team, name="1: bearer", authorization_kind="bearer", **secrets)
    factories.SavedRequestFactory(team=team, name="1. Bearer", authorization_kind="bearer", **secrets)
    factories.SavedRequestFactory(
        team=team,
        name="basic",
        authorization_kind="basic",
        username="no",
        headers=[["A", "1"], ["A", "2"]],
        **secrets,
    )
    factories.SavedRequestFactory(
        team=team,
        name="key ${AT}",
        authorization_kind="api_key",
        api_key_name="key",
        api_key_place="query",
        follow_redirects=False,
        timeout_seconds=5,
        write_mode="append",
        method="POST",
        body_kind="json",
        body='{"a": "é ${RT}\\n"}',
        pagination={"kind": "next_url", "path": "links.next"},
        **secrets,
    )
    plain = factories.SavedRequestFactory(
        team=team,
        name="顧客",
        table=table,
        headers=[["Authorization", "Bearer typed-t0ken"], ["X-Api-Key", "typed-k3y"], ["Accept", "text/csv"]],
    )
    schedule = runs.set_schedule(plain, schedules.Cron("0 6 * * 1-5"), user=None, now=now)
    runs.pause(schedule)
    return team


# The variables that the export of full_team asks for.
SECRETS = {
    "CRM_CLIENT_SECRET": "other-s3cret",
    "CRM_CLIENT_SECRET_2": "s3cret-of-the-app",
    "_1_BEARER_BEARER_TOKEN": "t0ken",
    "_1_BEARER_BEARER_TOKEN_2": "t0ken",
    "BASIC_PASSWORD": "t0ken",
    "KEY_AT_API_KEY": "t0ken",
    "AUTHORIZATION": "Bearer typed-t0ken",
    "X_API_KEY": "typed-k3y",
}


def test_what_is_exported_makes_the_same_team_in_an_empty_database(now: datetime) -> None:
    team = full_team(now)
    text = manifest.export(team)
    ids = ("id", "pk", "team_id", "connection_id", "table_id", "saved_request_id", "created_by_id")
    times = ("created_at", "updated_at", "state", "state_reason", "state_changed_at", "settings_version")

    def contents() -> list[list[dict[str, Any]]]:
        made: list[list[dict[str, Any]]] = []
        connections = Connection.objects.order_by("name")
        saved = SavedRequest.objects.order_by("name").select_related("connection", "table")
        for one in (connections, saved):
            made.append(
                [
                    {
                        key: value
                        for key, value in row.items()
                        if key not in (*ids, *times, "client_secret", "secret")
                    }
                    for row in one.values()
                ]
            )
        made.append([{"secret": connection.client_secret} for connection in connections])
        made.append([{"s": r.secret, "c": str(r.connection), "t": str(r.table)} for r in saved])
        made.append(list(Schedule.objects.order_by("saved_request__name").values("rule", "is_paused")))
        made.append(list(Membership.objects.order_by("user__email").values("user__email", "role")))
        return made

    before = contents()
    User.objects.all().delete()
    team.delete()

    manifest.apply(manifest.load(text, SECRETS), now=now)

    after = contents()
    for row in after[1]:
        if row["name"] == "顧客":
            # A header that holds a credential comes back from its variable.
            assert row["headers"][0] == ["Authorization", "Bearer typed-t0ken"]
    assert after == before
    assert manifest.export(Team.objects.get()) == text


def test_applying_what_was_exported_changes_nothing(now: datetime) -> None:
    text = manifest.export(full_team(now))
    before = everything()

    lines = manifest.apply(manifest.load(text, SECRETS), now=now + timedelta(hours=1)).lines

    assert {line.rpartition(": ")[2] for line in lines} == {"unchanged"}, lines
    assert everything() == before


@pytest.mark.requirement("R61")
def test_what_is_exported_holds_no_secret(now: datetime, settings: Settings) -> None:
    text = manifest.export(full_team(now))

    secrets = ("s3cret-of-the-app", "other-s3cret", "t0ken", "typed-k3y", *ENVIRONMENT.values())
    for secret in secrets:
        assert secret not in text
    assert "${CRM_CLIENT_SECRET}" in text
    assert "refresh_token" not in text


def test_each_secret_has_a_variable_of_its_own(now: datetime) -> None:
    text = manifest.export(full_team(now))

    for name in SECRETS:
        assert text.count(f"${{{name}}}") == 1


def test_a_secret_that_cannot_be_read_any_more_does_not_keep_a_team_from_being_exported(
    now: datetime, settings: Settings
) -> None:
    team = full_team(now)
    settings.ENCRYPTION_KEYS = {7: bytes(32)}

    assert "${CRM_CLIENT_SECRET}" in manifest.export(team)
