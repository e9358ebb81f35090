"""Connections in a team's file: every option, placeholders, presets, an older secret."""

from datetime import datetime
from typing import Any

import pytest

from connections.forms import ConnectionForm
from connections.models import Connection
from requests_builder import manifest
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R8")]

SECRETS = {"SECRET": "s3cret-of-the-app", "OLD": "s3cret-of-before"}
EXPORTED = {"CRM_CLIENT_SECRET": SECRETS["SECRET"], "CRM_OLD_CLIENT_SECRET": SECRETS["OLD"]}
WHOLE = """
team: Acme
connections:
  - name: CRM
    authorization_url: https://{subdomain}.crm.example/oauth/authorize
    token_url: https://{subdomain}.crm.example/oauth/token
    client_id: abc
    client_secret: ${SECRET}
    old_client_secret: ${OLD}
    scopes: contacts.read
    advanced:
      grant_type: authorization_code
      pkce: plain
      scope_separator: ","
      authorization_parameters: {prompt: consent}
      has_own_redirect_url: true
      expected_issuer: https://crm.example
      client_authentication: basic_raw
      token_body: json
      token_parameters: {audience: x}
      token_headers: {Notion-Version: "2022-06-28"}
      token_path: data.auth
      refresh_url: https://{subdomain}.crm.example/refresh
      refresh_parameters: {grant_type: "", type: refresh}
      default_life: 7200
      api_authorization: "Authorization: Zoho-oauthtoken {access_token}"
      expiry_signals: |-
        403
        400 error.code=190
      allowed_hosts: [api.crm.example]
      test_url: https://crm.example/me
      revocation_url: https://crm.example/revoke
      follows_provider: false
      placeholders: {subdomain: acme}
"""
PRESET = """
team: Acme
connections:
  - name: Desk
    preset: zendesk
    client_id: abc
    client_secret: ${SECRET}
    scopes: read
    advanced: {placeholders: {subdomain: acme}, allowed_hosts: [files.example.com]}
"""


@pytest.fixture(autouse=True)
def acme() -> None:
    team = factories.TeamFactory(name="Acme", slug="acme")
    factories.member_of(team, "owner")


def applied(text: str, now: datetime, environment: dict[str, str] = SECRETS) -> list[str]:
    return manifest.apply(manifest.load(text, environment), now=now).lines


def exported() -> str:
    return manifest.export(Connection.objects.get().team)


def stored() -> dict[str, Any]:
    connection = Connection.objects.get()
    fields = {
        name: getattr(connection, name) for name in (*ConnectionForm.Meta.fields, "placeholders", "preset")
    }
    secrets = {"secret": connection.client_secret, "old": connection.old_client_secret}
    return fields | secrets | {"templates": connection.address_templates}


def refusal(text: str, now: datetime) -> str:
    with pytest.raises(manifest.InvalidManifest) as refused:
        applied(text, now)
    return str(refused.value)


def test_a_file_sets_every_option_and_its_export_sets_it_again(now: datetime) -> None:
    applied(WHOLE, now)
    before, text = stored(), exported()
    assert before["token_url"] == "https://acme.crm.example/oauth/token"
    assert (before["secret"], before["old"]) == (SECRETS["SECRET"], SECRETS["OLD"])
    plain = Connection()
    # Each option is unlike its default, or this would say nothing about it; the grant has a test of its own.
    alike = {name for name in ConnectionForm.ADVANCED if before[name] == getattr(plain, name)}
    assert alike == {"grant_type"}

    assert applied(text, now, EXPORTED)[-1] == "connection CRM: unchanged"
    Connection.objects.all().delete()
    applied(text, now, EXPORTED)

    assert stored() == before
    assert exported() == text
    for secret in SECRETS.values():
        assert secret not in text


def test_a_client_that_asks_for_itself_comes_without_a_consent_page(now: datetime) -> None:
    text = WHOLE.replace("authorization_code", "client_credentials").replace(
        "    authorization_url: https://{subdomain}.crm.example/oauth/authorize\n", ""
    )
    applied(text, now)

    assert stored()["grant_type"] == "client_credentials"
    assert applied(exported(), now, EXPORTED)[-1] == "connection CRM: unchanged"


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("default_life: 7200", "default_life: '7200'", "advanced.default_life: must be a number of seconds."),
        ("default_life: 7200", "default_life: true", "advanced.default_life: must be a number of seconds."),
        ("default_life: 7200", "default_life: 5", "default_life: Ensure this value is greater than"),
        ("follows_provider: false", "follows_provider: 'no'", "follows_provider: must be true or false."),
        (
            "allowed_hosts: [api.crm.example]",
            "allowed_hosts: api.crm.example",
            "allowed_hosts: must be a list.",
        ),
        ("allowed_hosts: [api.crm.example]", "allowed_hosts: [5]", "allowed_hosts: “5” must be a text"),
        ("token_headers: {Notion-Version: ", "token_headers: {Host: ", "token_headers: “Host” is sent by"),
        (
            "placeholders: {subdomain: acme}",
            "placeholders: {}",
            "placeholders.subdomain: This field is required.",
        ),
        ("subdomain: acme}", "subdomain: a@b}", "placeholders.subdomain: This cannot be the Subdomain."),
        ("pkce: plain", "pkce: 5", "advanced.pkce: must be a text"),
        ("name: CRM", "name: CRM\n    preset: google", "authorization_url: comes with the preset."),
        ("name: CRM", "name: CRM\n    preset: nobody", "preset: there is no preset called nobody."),
    ],
)
def test_what_an_option_cannot_be_is_named(now: datetime, line: str, instead: str, said: str) -> None:
    assert line in WHOLE

    assert said in refusal(WHOLE.replace(line, instead), now)
    assert not Connection.objects.exists()


def test_a_preset_brings_its_addresses_and_comes_back_as_a_preset(now: datetime) -> None:
    applied(PRESET, now)
    before, text = stored(), exported()

    assert before["preset"] == "zendesk"
    assert before["token_url"].startswith("https://acme.zendesk.com/")
    assert "token_url" not in text
    assert applied(text, now, {"DESK_CLIENT_SECRET": SECRETS["SECRET"]})[-1] == "connection Desk: unchanged"
    Connection.objects.all().delete()
    applied(text, now, {"DESK_CLIENT_SECRET": SECRETS["SECRET"]})
    assert stored() == before


def test_a_new_connection_of_a_preset_asks_for_what_is_needed_unless_it_says_otherwise(now: datetime) -> None:
    applied(
        "team: Acme\nconnections:\n  - {name: Sales, preset: salesforce, client_id: a, "
        "advanced: {placeholders: {host: login.salesforce.com}}}\n",
        now,
    )

    assert "refresh_token" in Connection.objects.get().scopes


def test_a_connection_keeps_the_preset_that_it_was_made_from(now: datetime) -> None:
    applied(PRESET, now)

    assert "keeps the preset" in refusal(PRESET.replace("preset: zendesk", "preset: google"), now)
