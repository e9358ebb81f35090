"""Parts of addresses that each customer has their own of."""

from datetime import datetime

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.models import Team
from connections.forms import ConnectionForm, PlaceholderField
from connections.models import Connection, ConnectionState
from connections.providers import Placeholder
from tests import factories

SUBDOMAIN = Placeholder("subdomain", "Subdomain", "acme", pattern="[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ZENDESK = (
    "https://{subdomain}.zendesk.com/oauth/authorizations/new",
    "https://{subdomain}.zendesk.com/oauth/tokens",
)
SIX = {
    "name": "Desk",
    "authorization_url": ZENDESK[0],
    "token_url": ZENDESK[1],
    "client_id": "abc",
    "client_secret": "s3cret-of-the-app",
    "scopes": "read",
}
REFUSED = [
    "evil.example/",
    "evil.example#",
    "evil.example?x",
    "https://evil.example/.zendesk.com",
    "https://evil.example?.zendesk.com",
    "a@evil.example",
    "https://a@acme.zendesk.com",
    "https://acme.zendesk.com:8443",
    "a\\evil",
    "a%2eevil",
    "169.254.169.254/",
    "169.254.169.254",
    "acme.evil",
    "a/b",
    "-acme",
    "{subdomain}",
    "a" * 300,
    "ácme",
    "acme\x00",
    "acme zendesk",
]


def posted(**typed: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(SIX | typed)
    return data


def new(team: Team, **typed: str) -> ConnectionForm:
    return ConnectionForm(posted(**typed), instance=Connection(team=team), team=team, user=None)


def saved(team: Team, now: datetime, **typed: str) -> Connection:
    form = new(team, **typed)
    assert form.is_valid(), form.errors
    assert form.save_settings(now=now)
    return Connection.objects.get(pk=form.instance.pk)


@pytest.mark.requirement("R9", "QC08")
@pytest.mark.parametrize(
    "typed",
    [
        "acme",
        "Acme ",
        "https://acme.zendesk.com",
        "acme.zendesk.com",
        "HTTPS://ACME.zendesk.com/agent/dashboard?x#y",
        "acme.zendesk.com/",
    ],
)
def test_whoever_types_or_pastes_the_part_that_is_meant_gets_it(typed: str) -> None:
    assert PlaceholderField(SUBDOMAIN, ZENDESK).clean(typed) == "acme"


@pytest.mark.requirement("R9", "QC08")
@pytest.mark.parametrize("typed", [*REFUSED, "", "  "])
def test_everything_else_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        PlaceholderField(SUBDOMAIN, ZENDESK).clean(typed)


def test_of_a_fixed_list_nothing_else_is_taken() -> None:
    region = Placeholder("region", "Data centre", "eu", choices={"com": "United States", "eu": "Europe"})
    field = PlaceholderField(region, ["https://accounts.zoho.{region}/oauth/v2/token"])

    assert (field.clean("eu"), field.clean("EU "), field.clean("https://accounts.zoho.com/")) == (
        "eu",
        "eu",
        "com",
    )
    for typed in ("evil.example", "com.evil.example", "in"):
        with pytest.raises(ValidationError):
            field.clean(typed)


def test_a_part_that_is_there_twice_must_be_the_same_in_what_was_pasted() -> None:
    field = PlaceholderField(SUBDOMAIN, ["https://{subdomain}.{subdomain}.example/"])

    assert field.clean("acme.acme.example") == "acme"
    with pytest.raises(ValidationError):
        field.clean("acme.other.example")


# In the addresses of a custom connection


@pytest.mark.requirement("R9")
def test_an_address_with_a_placeholder_has_a_field_for_it(team: Team) -> None:
    form = new(team)

    assert [field.label for field in form.placeholder_fields] == ["Subdomain"]
    assert not form.is_valid()
    assert list(form.errors) == ["placeholder_subdomain"]


@pytest.mark.requirement("R9", "QC08")
def test_what_is_called_is_filled_in_and_what_is_edited_is_as_it_was_typed(team: Team, now: datetime) -> None:
    connection = saved(team, now, placeholder_subdomain=" https://Acme.zendesk.com/ ")

    assert connection.token_url == "https://acme.zendesk.com/oauth/tokens"
    assert connection.authorization_url == "https://acme.zendesk.com/oauth/authorizations/new"
    assert connection.placeholders == {"subdomain": "acme"}
    shown = ConnectionForm(instance=connection, team=team, user=None)
    assert shown["token_url"].value() == ZENDESK[1]
    assert shown["placeholder_subdomain"].value() == "acme"
    again = ConnectionForm(
        posted(client_secret="", placeholder_subdomain="acme"), instance=connection, team=team, user=None
    )
    assert again.is_valid(), again.errors
    assert again.changed_settings == set()


@pytest.mark.requirement("R9", "QC08")
@pytest.mark.parametrize("typed", REFUSED)
def test_a_value_that_would_lead_elsewhere_is_refused_at_its_field(team: Team, typed: str) -> None:
    form = new(team, placeholder_subdomain=typed)

    assert not form.is_valid()
    assert "placeholder_subdomain" in form.errors
    assert not Connection.objects.exists()


@pytest.mark.requirement("R9", "R52", "QC08")
def test_another_subdomain_is_another_server_so_its_secret_is_asked_for_and_its_tokens_are_given_up(
    team: Team, now: datetime
) -> None:
    connection = saved(team, now, placeholder_subdomain="acme")
    factories.connected(connection, now=now)
    data = posted(client_secret="", placeholder_subdomain="evil")

    blank = ConnectionForm(data, instance=connection, team=team, user=None)
    assert "because the Token URL changed" in str(blank.errors["client_secret"])

    stored = Connection.objects.get(pk=connection.pk)
    data["client_secret"] = SIX["client_secret"]
    form = ConnectionForm(data, instance=stored, team=team, user=None)
    assert form.is_valid(), form.errors
    form.save_settings(now=now)
    stored = Connection.objects.get(pk=connection.pk)
    assert stored.state == ConnectionState.NEEDS_REAUTH
    assert not hasattr(stored, "token")


@pytest.mark.parametrize(
    ("field", "url", "said"),
    [
        ("token_url", "https://{sub.zendesk.com/", "Curly brackets name a part that is filled in"),
        ("token_url", "https://{Sub}.zendesk.com/", "Curly brackets name a part that is filled in"),
        ("token_url", "https://crm.example/{client_secret}", "{client_secret} cannot stand in an address."),
        ("refresh_url", "https://{access_token}.crm.example/", "{access_token} cannot stand in an address."),
    ],
)
def test_brackets_that_name_no_part_are_refused(team: Team, field: str, url: str, said: str) -> None:
    form = new(team, placeholder_subdomain="acme", **{field: url})

    assert said in str(form.errors[field])


@pytest.mark.parametrize(
    ("template", "value", "url"),
    [
        ("https://crm.example/{account_id}/token", "Acme.1_x", "https://crm.example/Acme.1_x/token"),
        ("https://{host}/token", "https://CRM.acme.example/login", "https://crm.acme.example/token"),
        ("https://crm.example/token?tenant={tenant}", "42", "https://crm.example/token?tenant=42"),
    ],
)
def test_a_part_may_be_the_whole_host_or_stand_behind_it(
    team: Team, now: datetime, template: str, value: str, url: str
) -> None:
    name = template.partition("{")[2].partition("}")[0]
    connection = saved(
        team, now, placeholder_subdomain="acme", token_url=template, **{f"placeholder_{name}": value}
    )

    assert connection.token_url == url


@pytest.mark.parametrize("value", ["..", ".", "a/b", "a?b", "a#b", "a%2fb", "a&b=c", "127.0.0.1/"])
def test_a_part_behind_the_host_adds_no_path_and_no_parameter(team: Team, value: str) -> None:
    form = new(
        team, placeholder_subdomain="acme", token_url="https://crm.example/{id}/token", placeholder_id=value
    )

    assert "placeholder_id" in form.errors


@pytest.mark.requirement("R2", "R9")
@pytest.mark.parametrize("value", ["127.0.0.1", "169.254.169.254", "metadata.google.internal"])
def test_a_host_that_was_filled_in_is_looked_at_like_one_that_was_typed(team: Team, value: str) -> None:
    form = new(team, placeholder_subdomain="acme", token_url="https://{host}/token", placeholder_host=value)

    assert not form.is_valid()
    assert form.errors.keys() & {"token_url", "placeholder_host"}
