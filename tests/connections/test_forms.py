"""What people may type about a connection, and what they read when it cannot be."""

from datetime import datetime
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections.forms import NAME_TAKEN, ConnectionForm
from connections.models import Connection
from tests import factories

SIX = {
    "name": "CRM",
    "authorization_url": "https://crm.example/oauth/authorize",
    "token_url": "https://crm.example/oauth/token",
    "client_id": "abc",
    "client_secret": "s3cret-of-the-app",
    "scopes": "contacts.read",
}
SECRETS_TRAVEL = "Secrets are sent here, so the address must begin with https://."
MAY_NOT_BE_CALLED = "This address may not be called"


def posted(**typed: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(typed)
    return data


def new(team: Team, user: User | None = None, **typed: str) -> ConnectionForm:
    """The form as it is posted for a new connection: the six, and what the test is about."""
    return ConnectionForm(posted(**SIX | typed), instance=Connection(team=team), team=team, user=user)


def edited(connection: Connection, **typed: str) -> ConnectionForm:
    """The form of a stored connection as a browser posts it back, with something changed."""
    stored = Connection.objects.get(pk=connection.pk)
    shown = ConnectionForm(instance=stored, team=stored.team, user=None)
    fields: dict[str, Any] = {field.name: field.field.prepare_value(field.value()) or "" for field in shown}
    fields = {name: "on" if value is True else value for name, value in fields.items()}
    return ConnectionForm(posted(**fields | typed), instance=stored, team=stored.team, user=None)


def changed_by_saving(connection: Connection) -> set[str]:
    """What counts as changed when a stored connection is posted back as its form shows it."""
    form = edited(connection)
    assert form.is_valid(), form.errors
    return form.changed_settings


def sentence(form: ConnectionForm, field: str) -> str:
    """The one thing that is wrong, and that it is wrong with this field."""
    assert list(form.errors) == [field], form.errors
    return str(form.errors[field][0])


@pytest.fixture
def crm(team: Team) -> Connection:
    return factories.ConnectionFactory(team=team, **SIX)


# The six fields


def test_the_six_fields_have_the_labels_that_people_know(team: Team) -> None:
    form = ConnectionForm(team=team, user=None)

    assert [str(field.label) for field in form.six] == [
        "Name",
        "Authorization Base URL",
        "Token URL",
        "Client ID",
        "Client Secret",
        "Scopes",
    ]
    assert all(field.help_text for field in form)


@pytest.mark.requirement("R1")
def test_six_fields_alone_make_a_connection_with_the_defaults_of_any_plain_provider(
    team: Team, editor: User, now: datetime
) -> None:
    form = new(team, editor)

    assert form.is_valid(), form.errors
    assert form.save_settings(now=now)
    stored = Connection.objects.get()
    assert {name: getattr(stored, name) for name in SIX} == SIX
    assert (stored.team, stored.created_by) == (team, editor)
    assert (stored.pkce, stored.client_authentication, stored.scope_separator) == ("auto", "auto", " ")


@pytest.mark.requirement("R1")
def test_a_client_without_a_secret_is_a_public_client(team: Team, now: datetime) -> None:
    form = new(team, client_secret="")

    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    assert not Connection.objects.get().has_secret


@pytest.mark.requirement("R11")
def test_spaces_around_what_was_pasted_do_not_count(team: Team) -> None:
    form = new(team, **{name: f"  {value}\t" for name, value in SIX.items()})

    assert form.is_valid(), form.errors
    assert {name: getattr(form.instance, name) for name in SIX} == SIX


def test_scopes_are_separated_by_one_space_however_they_were_pasted(team: Team) -> None:
    form = new(team, scopes=" contacts.read\n\toffline_access   openid ")

    assert form.is_valid(), form.errors
    assert form.instance.scopes == "contacts.read offline_access openid"


@pytest.mark.requirement("R4", "QC01")
def test_a_query_in_the_authorization_url_stays(team: Team) -> None:
    form = new(team, authorization_url="https://crm.example/authorize?tenant=a%20b&x=1")

    assert form.is_valid(), form.errors
    assert form.instance.authorization_url == "https://crm.example/authorize?tenant=a%20b&x=1"


@pytest.mark.parametrize("field", ["name", "authorization_url", "token_url", "client_id"])
def test_what_nobody_can_connect_without_is_asked_for(team: Team, field: str) -> None:
    assert sentence(new(team, **{field: "  "}), field) == "This field is required."


# Addresses


@pytest.mark.parametrize("field", ["authorization_url", "token_url", "revocation_url"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("crm.example/token", "Did you mean https://crm.example/token?"),
        ("//crm.example/token", "Did you mean https://crm.example/token?"),
        ("crm.example:8443/token", "Did you mean https://crm.example:8443/token?"),
        ("crm.example/x?next=https://y.example", "Did you mean https://crm.example/x?next="),
        ("http://crm.example/token", SECRETS_TRAVEL),
        ("https://crm.example/token#top", "An endpoint has no part after #. Remove it."),
        ("https://crm.example/token#", "An endpoint has no part after #. Remove it."),
        ("https://ann:pw@crm.example/token", "The address contains a user name or password"),
        ("https://127.0.0.1/token", MAY_NOT_BE_CALLED),
        ("https://10.0.0.1/token", MAY_NOT_BE_CALLED),
        ("https://169.254.169.254/latest/meta-data", MAY_NOT_BE_CALLED),
        ("https://[::ffff:169.254.169.254]/", MAY_NOT_BE_CALLED),
        ("https://[fd00::1]/token", MAY_NOT_BE_CALLED),
        ("https://2130706433/token", MAY_NOT_BE_CALLED),
        ("https://metadata.google.internal/token", MAY_NOT_BE_CALLED),
        ("https://localhost/token", MAY_NOT_BE_CALLED),
        ("javascript:alert(1)", "Only http:// and https:// addresses can be called."),
        ("javascript://crm.example/%0aalert(1)", "Only http:// and https:// addresses can be called."),
        ("data:text/html,<script>1</script>", "Only http:// and https:// addresses can be called."),
        ("file:///etc/passwd", "Only http:// and https:// addresses can be called."),
        ("https:/crm.example/token", "The address needs two slashes after the colon"),
        ("https://[::1", "The address has no host that can be read."),
        ("https://crm.example/to ken", "The address contains a space."),
        ("https://crm.example:99999/", "The port in the address is not a number"),
    ],
)
@pytest.mark.requirement("R2", "QC21")
def test_each_address_that_cannot_be_called_has_its_sentence(
    team: Team, field: str, url: str, said: str
) -> None:
    assert said in sentence(new(team, **{field: url}), field)


def test_http_is_right_where_the_host_of_the_product_has_let_it_in(team: Team, settings: Settings) -> None:
    address = "http://127.0.0.1:9400/oauth/token"
    assert MAY_NOT_BE_CALLED in sentence(new(team, token_url=address), "token_url")

    settings.OUTBOUND_ALLOW = ["127.0.0.1:9400"]

    assert new(team, token_url=address).is_valid()


# Names


def test_a_name_is_there_once_in_a_team(team: Team, crm: Connection) -> None:
    assert sentence(new(team), "name") == NAME_TAKEN
    assert sentence(new(team, name=" CRM "), "name") == NAME_TAKEN


def test_another_team_may_use_the_same_name(crm: Connection) -> None:
    assert new(factories.TeamFactory()).is_valid()


def test_a_connection_may_keep_its_own_name(crm: Connection) -> None:
    assert edited(crm).is_valid()


def test_who_is_a_moment_too_late_with_a_name_reads_the_same_sentence(team: Team, now: datetime) -> None:
    first, second = new(team), new(team)
    assert first.is_valid()
    assert second.is_valid()

    assert first.save_settings(now=now)
    assert not second.save_settings(now=now)

    assert sentence(second, "name") == NAME_TAKEN
    assert Connection.objects.count() == 1


def test_who_is_a_moment_too_late_with_another_name_changes_nothing(
    team: Team, crm: Connection, now: datetime
) -> None:
    form = edited(crm, name="Sales", scopes="orders.read")
    assert form.is_valid()
    factories.ConnectionFactory(team=team, name="Sales")

    assert not form.save_settings(now=now)

    assert sentence(form, "name") == NAME_TAKEN
    crm.refresh_from_db()
    assert (crm.name, crm.scopes) == ("CRM", "contacts.read")


# The secret


@pytest.mark.requirement("R11")
def test_the_secret_is_never_in_the_form(crm: Connection) -> None:
    shown = edited(crm)

    assert "s3cret-of-the-app" not in str(shown)
    assert "s3cret-of-the-app" not in str(new(crm.team))
    assert "Stored. Leave this blank to keep it" in str(shown["client_secret"].help_text)


@pytest.mark.requirement("R11")
def test_a_blank_secret_keeps_the_stored_one(crm: Connection, now: datetime) -> None:
    form = edited(crm, scopes="orders.read", client_secret="  ")

    assert form.is_valid(), form.errors
    assert form.save_settings(now=now)
    stored = Connection.objects.get()
    assert (stored.client_secret, stored.scopes) == ("s3cret-of-the-app", "orders.read")


@pytest.mark.requirement("R11")
def test_a_typed_secret_takes_the_place_of_the_stored_one(crm: Connection, now: datetime) -> None:
    form = edited(crm, client_secret="another")

    assert form.is_valid()
    assert form.changed_settings == {"client_secret"}
    form.save_settings(now=now)
    assert Connection.objects.get().client_secret == "another"


@pytest.mark.parametrize(
    ("field", "label"), [("token_url", "Token URL"), ("revocation_url", "Revocation URL")]
)
@pytest.mark.parametrize("url", ["https://evil.example/oauth/token", "https://crm.example:8443/oauth/token"])
@pytest.mark.requirement("R11")
def test_the_stored_secret_goes_to_no_other_server(crm: Connection, field: str, label: str, url: str) -> None:
    said = sentence(edited(crm, **{field: url}), "client_secret")

    assert said.startswith("Enter the secret again")
    assert f"the {label} changed" in said
    crm.refresh_from_db()
    assert (crm.token_url, crm.revocation_url) == (SIX["token_url"], "")


def test_the_stored_secret_goes_over_no_weaker_line(crm: Connection, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["crm.example:80", "crm.example:443"]

    assert "client_secret" in edited(crm, token_url="http://crm.example/oauth/token").errors


def test_another_path_or_another_case_of_the_same_host_is_the_same_server(crm: Connection) -> None:
    assert edited(crm, token_url="https://crm.example/v2/token").is_valid()
    assert edited(crm, token_url="https://CRM.example/oauth/token").is_valid()
    assert edited(crm, revocation_url="https://crm.example/oauth/revoke").is_valid()


def test_with_the_secret_typed_again_the_server_may_change(crm: Connection, now: datetime) -> None:
    form = edited(crm, token_url="https://new.example/token", client_secret="s3cret-of-the-app")

    assert form.is_valid(), form.errors
    assert form.changed_settings == {"token_url"}
    assert form.save_settings(now=now)
    assert Connection.objects.get().token_url == "https://new.example/token"


def test_a_secret_that_cannot_be_read_any_more_can_be_entered_again(
    crm: Connection, now: datetime, settings: Settings
) -> None:
    settings.ENCRYPTION_KEYS = {7: bytes(32)}

    assert edited(crm, scopes="orders.read").is_valid()
    form = edited(crm, client_secret="another")
    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    assert Connection.objects.get().client_secret == "another"


# What is changed


@pytest.mark.requirement("R54", "QC39")
def test_editing_keeps_the_id_and_the_requests(crm: Connection, now: datetime) -> None:
    user = factories.SavedRequestFactory(team=crm.team, connection=crm, authorization_kind="oauth")

    form = edited(crm, name="Sales", scopes="orders.read")
    assert form.is_valid()
    form.save_settings(now=now)

    stored = Connection.objects.get()
    assert (stored.pk, stored.name) == (crm.pk, "Sales")
    user.refresh_from_db()
    assert user.connection == crm


def test_the_maker_of_a_connection_stays_its_maker(
    team: Team, editor: User, owner: User, now: datetime
) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor)
    form = ConnectionForm(
        posted(**SIX, client_authentication="basic"), instance=connection, team=team, user=owner
    )

    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    connection.refresh_from_db()
    assert connection.created_by == editor


def test_saving_a_form_as_it_was_changes_nothing(crm: Connection, now: datetime) -> None:
    form = edited(crm)

    assert form.is_valid()
    assert form.changed_settings == set()
    form.save_settings(now=now)
    stored = Connection.objects.get()
    assert stored.settings_version == 1
    assert stored.client_secret == "s3cret-of-the-app"


def test_what_a_script_leaves_out_of_advanced_does_not_count_as_changed(crm: Connection) -> None:
    form = ConnectionForm(posted(**SIX), instance=crm, team=crm.team, user=None)

    assert form.is_valid()
    assert form.changed_settings == set()


# Advanced


def test_extra_parameters_are_a_pair_on_each_line(team: Team) -> None:
    form = new(team, authorization_parameters="access_type=offline\r\n\n prompt = consent \nhd=a=b\nempty=\n")

    assert form.is_valid(), form.errors
    assert form.instance.authorization_parameters == {
        "access_type": "offline",
        "prompt": "consent",
        "hd": "a=b",
        "empty": "",
    }


def test_extra_parameters_come_back_as_they_were_typed(team: Team) -> None:
    parameters = {"access_type": "offline", "hd": "a=b"}
    connection = factories.ConnectionFactory(team=team, authorization_parameters=parameters)

    shown = ConnectionForm(instance=connection, team=team, user=None)

    assert "access_type=offline\nhd=a=b" in str(shown["authorization_parameters"])
    form = edited(connection)
    assert form.is_valid()
    assert form.changed_settings == set()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("prompt", "“prompt” is not name=value. Write each parameter on a line of its own."),
        ("=consent", "“=consent” is not name=value."),
        ("a=1\na=2", "“a” is there twice."),
        ("client_id=other", "“client_id” is sent from the fields of this form. Remove it here."),
        ("state=mine", "“state” is sent from the fields of this form."),
        ("redirect_uri=https://evil.example/", "“redirect_uri” is sent from the fields of this form."),
        ("code_challenge=x", "“code_challenge” is sent from the fields of this form."),
        ("scope=all", "“scope” is sent from the fields of this form."),
    ],
)
def test_extra_parameters_that_cannot_be_have_their_sentence(team: Team, typed: str, said: str) -> None:
    form = new(team, authorization_parameters=typed)

    assert said in sentence(form, "authorization_parameters")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"client_id": "other"}, "“client_id” is sent from"), ({"max_age": 5}, "must be texts")],
)
def test_extra_parameters_of_a_file_are_held_to_the_same_rules(
    team: Team, parameters: dict[str, object], said: str
) -> None:
    data = SIX | {"authorization_parameters": parameters}
    form = ConnectionForm(data, instance=Connection(team=team), team=team, user=None)

    assert said in sentence(form, "authorization_parameters")


def test_a_choice_that_there_is_not_is_refused(team: Team) -> None:
    assert "Select a valid choice" in sentence(new(team, pkce="S512"), "pkce")
    assert "Select a valid choice" in sentence(new(team, scope_separator="&"), "scope_separator")


def test_advanced_is_closed_until_something_in_it_matters(team: Team) -> None:
    assert not ConnectionForm(team=team, user=None).advanced_needs_attention
    assert not new(team).advanced_needs_attention
    for unlike in (
        {"pkce": "off"},
        {"default_life": 60},
        {"allowed_hosts": ["a.example"]},
        {"token_path": "data"},
    ):
        connection = factories.ConnectionFactory(team=team, **unlike)
        assert ConnectionForm(instance=connection, team=team, user=None).advanced_needs_attention
    assert new(team, authorization_parameters="prompt").advanced_needs_attention


def test_every_option_stands_in_a_section_and_has_a_label_and_a_help(team: Team) -> None:
    sections = ConnectionForm(team=team, user=None).advanced

    shown = {field.name for section in sections for field in section.fields}
    assert shown == {*ConnectionForm.ADVANCED, "old_client_secret"} - {"follows_provider"}
    assert all(field.label and field.help_text for section in sections for field in section.fields)


# Each option of Advanced: what may be typed, how it is kept, and that it comes back as it was typed.
OPTIONS: dict[str, tuple[str, Any]] = {
    "grant_type": ("client_credentials", "client_credentials"),
    "pkce": ("plain", "plain"),
    "scope_separator": (",", ","),
    "authorization_parameters": ("access_type=offline", {"access_type": "offline"}),
    "has_own_redirect_url": ("on", True),
    "follows_provider": ("off", False),
    "expected_issuer": ("https://crm.example/", "https://crm.example/"),
    "client_authentication": ("basic_raw", "basic_raw"),
    "token_body": ("json", "json"),
    "token_parameters": (
        "audience=https://x.example/\ngrant=1",
        {"audience": "https://x.example/", "grant": "1"},
    ),
    "token_headers": ("Notion-Version: 2022-06-28", {"Notion-Version": "2022-06-28"}),
    "token_path": ("data.auth", "data.auth"),
    "refresh_url": ("https://crm.example/refresh", "https://crm.example/refresh"),
    "refresh_parameters": (
        "grant_type=\nredirect_uri={redirect_uri}",
        {"grant_type": "", "redirect_uri": "{redirect_uri}"},
    ),
    "default_life": ("7200", 7200),
    "api_authorization": (
        "Authorization: Zoho-oauthtoken {access_token}",
        "Authorization: Zoho-oauthtoken {access_token}",
    ),
    "expiry_signals": ("403\r\n 400 error.code=190 ", "403\n400 error.code=190"),
    "allowed_hosts": (
        "api.crm.example\nhttps://files.crm.example:8443/x",
        ["api.crm.example", "files.crm.example:8443"],
    ),
    "test_url": ("https://crm.example/me", "https://crm.example/me"),
    "revocation_url": ("https://crm.example/revoke", "https://crm.example/revoke"),
}


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("name", ConnectionForm.ADVANCED)
def test_each_option_is_kept_comes_back_and_is_left_alone_by_who_does_not_mention_it(
    team: Team, now: datetime, name: str
) -> None:
    typed, kept = OPTIONS[name]
    form = new(team, **{name: typed})
    assert form.is_valid(), form.errors
    assert form.save_settings(now=now)
    stored = Connection.objects.get()

    assert getattr(stored, name) == kept
    assert changed_by_saving(stored) == set()
    silent = ConnectionForm(posted(**SIX), instance=stored, team=team, user=None)
    assert silent.is_valid(), silent.errors
    assert silent.changed_settings == set()


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("token_parameters", "code=x", "“code” is sent from the fields of this form. Remove it here."),
        ("token_parameters", "grant_type=password", "“grant_type” is sent from the fields of this form."),
        ("refresh_parameters", "refresh_token=x", "“refresh_token” is sent from the fields"),
        ("refresh_parameters", "grant_type=x", "To leave it out, write grant_type= alone."),
        ("authorization_parameters", "x={client_secret}", "{client_secret} must not be sent here."),
        ("authorization_parameters", "x={access_token}", "{access_token} must not be sent here."),
        ("token_headers", "Authorization: x", "“Authorization” is sent by ourselves."),
        ("token_headers", "HOST: evil.example", "“HOST” is sent by ourselves."),
        ("token_headers", "Content-Length: 5", "“Content-Length” is sent by ourselves."),
        ("token_headers", "Transfer-Encoding: chunked", "“Transfer-Encoding” is sent by ourselves."),
        ("token_headers", "X-A", "“X-A” is not Name: value."),
        ("token_headers", "X A: 1", "“X A” cannot be the name of a header."),
        ("token_headers", "X-Ä: 1", "“X-Ä” cannot be the name of a header."),
        ("token_headers", "X-A: ü", "The value of “X-A” must be a line"),
        ("token_headers", "X-A:", "The value of “X-A” must be a line"),
        ("token_headers", "X-A: 1\nx-a: 2", "“x-a” is there twice."),
        ("token_headers", "X-Secret: {client_secret}", "{client_secret} must not be sent here."),
        ("token_path", "data..token", "Write names with dots between them"),
        ("token_path", "$.data[0]", "Write names with dots between them"),
        ("default_life", "10", "greater than or equal to 60"),
        ("default_life", "an hour", "Enter a whole number."),
        ("api_authorization", "Bearer {access_token}", "Begin with the name"),
        ("api_authorization", "Authorization: Bearer", "Write {access_token} once"),
        ("api_authorization", "Host: {access_token}", "“Host” is sent by ourselves."),
        ("api_authorization", "Content-Type: {access_token}", "“Content-Type” is sent by ourselves."),
        ("expiry_signals", "403\nhello world", "“hello world” cannot be read."),
        ("expiry_signals", "403\n" * 21, "These are more than 20 lines."),
        ("allowed_hosts", "api.crm.example evil_host!", "evil_host!"),
        ("expected_issuer", "http://crm.example", SECRETS_TRAVEL),
        ("expected_issuer", "https://crm.example?x", "no part after a question mark"),
        ("refresh_url", "http://crm.example/x", SECRETS_TRAVEL),
        ("test_url", "https://10.0.0.1/", MAY_NOT_BE_CALLED),
        ("grant_type", "password", "Select a valid choice"),
        ("token_body", "xml", "Select a valid choice"),
        ("client_authentication", "digest", "Select a valid choice"),
    ],
)
def test_what_an_option_cannot_be_has_its_sentence(team: Team, field: str, typed: str, said: str) -> None:
    form = new(team, **{field: typed})

    assert said in sentence(form, field)
    assert form.advanced_needs_attention


@pytest.mark.requirement("R8")
def test_a_header_of_a_file_cannot_smuggle_another_one_in(team: Team) -> None:
    data = SIX | {"token_headers": {"X-A": "1\r\nX-B: 2"}}
    form = ConnectionForm(data, instance=Connection(team=team), team=team, user=None)

    assert "must be a line" in sentence(form, "token_headers")


@pytest.mark.requirement("R8", "R70")
def test_a_client_that_asks_for_itself_needs_no_consent_page(team: Team) -> None:
    assert new(team, authorization_url="", grant_type="client_credentials").is_valid()
    assert sentence(new(team, authorization_url=""), "authorization_url") == "This field is required."


# Several secrets


@pytest.mark.requirement("R12")
def test_the_stored_secret_may_stay_as_a_fallback_of_a_new_one(crm: Connection, now: datetime) -> None:
    form = edited(crm, client_secret="another", keep_old_secret="on")

    assert form.is_valid(), form.errors
    assert form.changed_settings == {"client_secret", "old_client_secret"}
    form.save_settings(now=now)
    stored = Connection.objects.get()
    assert (stored.client_secret, stored.old_client_secret) == ("another", "s3cret-of-the-app")


@pytest.mark.requirement("R12")
def test_without_asking_a_new_secret_leaves_nothing_of_the_old_one(crm: Connection, now: datetime) -> None:
    form = edited(crm, client_secret="another")
    assert form.is_valid()
    form.save_settings(now=now)

    assert Connection.objects.get().old_client_secret is None


@pytest.mark.requirement("R11", "R12")
def test_an_old_secret_stays_until_it_is_removed_and_is_never_shown(crm: Connection, now: datetime) -> None:
    crm.old_client_secret = "s3cret-of-before"
    crm.save()

    form = edited(crm, scopes="orders.read")
    assert "s3cret-of-before" not in str(form)
    assert form.is_valid()
    form.save_settings(now=now)
    assert Connection.objects.get().old_client_secret == "s3cret-of-before"

    form = edited(crm, remove_old_secret="on")
    assert form.is_valid()
    assert form.changed_settings == {"old_client_secret"}
    form.save_settings(now=now)
    assert Connection.objects.get().old_client_secret is None


@pytest.mark.requirement("R12", "R52")
def test_an_old_secret_goes_to_no_other_server_either(crm: Connection, now: datetime) -> None:
    crm.old_client_secret = "s3cret-of-before"
    crm.save()
    moved = {"token_url": "https://new.example/token", "client_secret": "another"}

    kept = edited(crm, **moved, keep_old_secret="on")
    assert "because the Token URL changed" in sentence(kept, "keep_old_secret")
    form = edited(crm, **moved)
    assert form.is_valid(), form.errors
    form.save_settings(now=now)

    assert Connection.objects.get().old_client_secret is None


# Where the secret goes


@pytest.mark.requirement("R52")
@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ({"refresh_url": "https://evil.example/refresh"}, "Refresh URL"),
        ({"revocation_url": "https://evil.example/revoke"}, "Revocation URL"),
        ({"token_body": "query"}, "Token request body"),
        # Its provider has an address of its own for the second token.
        ({"token_url": "https://graph.facebook.com/v1/token"}, "Token URL"),
    ],
)
def test_a_secret_that_would_newly_go_somewhere_is_asked_for(
    crm: Connection, now: datetime, typed: dict[str, str], place: str
) -> None:
    assert f"because the {place} changed" in sentence(edited(crm, **typed), "client_secret")

    form = edited(crm, client_secret="s3cret-of-the-app", **typed)
    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    assert edited(crm).is_valid()


@pytest.mark.requirement("R52")
def test_what_sends_no_secret_elsewhere_asks_for_none(crm: Connection) -> None:
    harmless = {
        "refresh_url": "https://crm.example/refresh",
        "token_body": "json",
        "client_authentication": "basic",
        "authorization_url": "https://login.crm.example/",
        "allowed_hosts": "api.crm.example",
        "pkce": "off",
    }
    for name, typed in harmless.items():
        assert edited(crm, **{name: typed}).is_valid(), name


# A provider that is known


GOOGLE = {
    "authorization_url": "https://accounts.google.com/o/oauth2/auth",
    "token_url": "https://oauth2.googleapis.com/token",
}
SALESFORCE = {
    "authorization_url": "https://login.salesforce.com/services/oauth2/authorize",
    "token_url": "https://login.salesforce.com/services/oauth2/token",
}


@pytest.mark.requirement("R5")
def test_a_known_token_url_is_recognized_and_told_what_that_changes(team: Team) -> None:
    form = new(team, **GOOGLE)

    assert form.provider is not None
    assert form.provider.title == "Google"
    assert "asks with access_type=offline and prompt=consent" in form.differences
    assert new(team).provider is None
    assert new(team).differences == []


@pytest.mark.requirement("R5")
def test_what_is_known_can_be_switched_off_and_on_again(team: Team, now: datetime) -> None:
    form = new(team, **GOOGLE, follows_provider="off")
    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    stored = Connection.objects.get()
    assert not stored.follows_provider

    again = edited(stored, follows_provider="on", client_secret="s3cret-of-the-app")
    assert again.is_valid(), again.errors
    assert again.changed_settings == {"follows_provider"}


@pytest.mark.requirement("R6")
def test_usual_scopes_that_are_missing_are_pointed_out_and_can_be_added(team: Team) -> None:
    form = new(team, **SALESFORCE, scopes="api")
    assert form.is_valid(), form.errors
    assert form.missing().spelled == ["refresh_token"]
    assert not form.advanced_needs_attention

    adding = ConnectionForm(
        posted(**SIX | SALESFORCE | {"scopes": "api"}),
        instance=Connection(team=team),
        team=team,
        user=None,
        adds_missing=True,
    )
    assert adding.is_valid(), adding.errors
    assert adding.instance.scopes == "api refresh_token"
    assert not adding.missing()


@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    ("token_url", "scope"),
    [
        ("https://login.microsoftonline.com/common/oauth2/v2.0/token", "offline_access"),
        ("https://auth.atlassian.com/oauth/token", "offline_access"),
        ("https://acme.my.salesforce.com/services/oauth2/token", "refresh_token"),
    ],
)
def test_the_scope_that_brings_a_refresh_token_is_missed_at_its_provider(
    team: Team, token_url: str, scope: str
) -> None:
    form, whole = new(team, token_url=token_url), new(team, token_url=token_url, scopes=f"x {scope}")

    assert form.is_valid(), form.errors
    assert whole.is_valid(), whole.errors
    assert scope in form.missing().scopes
    assert scope not in whole.missing().scopes


@pytest.mark.requirement("R6")
def test_google_without_offline_access_is_pointed_out_once_nothing_adds_it_by_itself(team: Team) -> None:
    followed = new(team, **GOOGLE)
    alone = new(team, **GOOGLE, follows_provider="off", authorization_parameters="prompt=select_account")

    assert followed.is_valid()
    assert alone.is_valid()
    assert not followed.missing()
    assert alone.missing().spelled == ["access_type=offline"]


def test_nothing_is_missing_where_nobody_consents_or_nobody_is_known(team: Team) -> None:
    for form in (new(team), new(team, **SALESFORCE, grant_type="client_credentials")):
        assert form.is_valid()
        assert not form.missing()
