"""Available Presets: connections from the catalogue, clients that the host lends, and presets of a team."""

import html
import re
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Role, Team, User, Verb
from connections import grants, oauth2, providers
from connections.forms import CatalogueForm, TeamPresetForm
from connections.grants.asking.clients import client_of, is_shareable, shared_client, shared_presets
from connections.models import (
    AuthorizationRequest,
    Connection,
    GrantType,
    SharedClient,
    TeamPreset,
)
from tests import factories

PRESETS = "/t/acme/connections/presets/"
OWN = {"client_id": "abc", "client_secret": "s3cret-of-the-app"}


def text(response: Any) -> str:
    """What a reader reads: the page without its markup."""
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", response.content.decode()).split()))


def posted(*, ticked: tuple[str, ...] = (), **typed: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(typed)
    data.setlist("suggested_scopes", list(ticked))
    return data


def known(slug: str) -> providers.Provider:
    provider = providers.get(slug)
    assert provider
    return provider


def new(team: Team, slug: str, *, ticked: tuple[str, ...] = (), **typed: str) -> CatalogueForm:
    """The form of a preset as it is posted for a new connection."""
    return CatalogueForm(
        posted(ticked=ticked, **{"name": "CRM", **typed}),
        preset=known(slug),
        instance=Connection(team=team),
        team=team,
        user=None,
    )


def saved(form: Any, now: datetime) -> Connection:
    assert form.is_valid(), form.errors
    assert form.save_settings(now=now)
    return Connection.objects.get(pk=form.instance.pk)


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


# The list


def test_presets_are_found_by_their_name_and_by_their_group(signed_in: Client) -> None:
    assert "Salesforce" in text(signed_in.get(PRESETS))
    found = text(signed_in.get(PRESETS, {"q": "HUBSPOT"}))
    assert "HubSpot" in found
    assert "Salesforce" not in found
    assert "QuickBooks" in text(signed_in.get(PRESETS, {"q": "accounting"}))


def test_a_search_without_result_says_what_to_do_instead(signed_in: Client) -> None:
    page = signed_in.get(PRESETS, {"q": "<acme>"})

    assert "No preset is called so" in text(page)
    assert "New connection" in text(page)
    assert b"<acme>" not in page.content


def test_what_a_search_is_on_the_way_to_is_not_forgotten(signed_in: Client) -> None:
    page = signed_in.get(PRESETS, {"q": "slack", "return_to": "/t/acme/requests/new/"}).content.decode()

    assert 'href="/t/acme/connections/presets/slack/?return_to=/t/acme/requests/new/"' in page
    assert 'name="return_to" value="/t/acme/requests/new/"' in page


def test_in_the_dialog_of_a_request_presets_stay_in_the_dialog(signed_in: Client) -> None:
    within = {"headers": {"hx-request": "true"}}
    query = "?return_to=/t/acme/requests/new/"

    found = signed_in.get(f"{PRESETS}{query}", **within).content.decode()
    form = signed_in.get(f"{PRESETS}slack/{query}", **within).content.decode()

    assert f'hx-get="{PRESETS}slack/{query}"' in found
    for part in (found, form):
        assert "<html" not in part
    assert "data-dialog-close" in form
    assert 'name="return_to" value="/t/acme/requests/new/"' in form


def test_a_request_offers_the_presets_beside_new(signed_in: Client) -> None:
    page = signed_in.get("/t/acme/requests/new/").content.decode()

    assert f'href="{PRESETS}?return_to=/t/acme/requests/new/"' in page


def test_every_preset_has_a_page_with_its_steps_and_the_redirect_url(signed_in: Client) -> None:
    for slug, provider in providers.catalogue().items():
        page = signed_in.get(f"{PRESETS}{slug}/")
        assert page.status_code == 200, slug
        assert provider.title in text(page)
        assert "{redirect_uri}" not in text(page)
        if provider.authorization_url:
            assert f"{django_settings.BASE_URL}/oauth/callback" in text(page)


def test_a_preset_that_is_not_known_is_not_there(signed_in: Client) -> None:
    assert signed_in.get(f"{PRESETS}nobody/").status_code == 404


def test_a_viewer_makes_no_connection_from_a_preset(client: Client, viewer: User) -> None:
    client.force_login(viewer)

    assert client.get(PRESETS).status_code == 403
    assert client.post(f"{PRESETS}slack/", {"name": "Slack", **OWN}).status_code == 403
    assert not Connection.objects.exists()


# A connection from the catalogue


def test_connect_saves_the_connection_and_goes_to_the_provider(signed_in: Client, team: Team) -> None:
    page = signed_in.post(f"{PRESETS}slack/", {"name": "Slack", "then": "connect", **OWN})

    assert page.status_code == 200
    made = team.connections.get()
    assert made.preset == "slack"
    assert made.authorization_url == "https://slack.com/oauth/v2/authorize"
    assert made.token_url == "https://slack.com/api/oauth.v2.access"
    assert made.client_secret == "s3cret-of-the-app"
    flow = AuthorizationRequest.objects.get()
    assert f"/oauth/flows/{flow.pk}/go" in page.content.decode()


def test_nobody_types_the_addresses_of_a_preset(team: Team, now: datetime) -> None:
    made = saved(
        new(team, "slack", token_url="https://evil.example/token", refresh_url="https://evil.example", **OWN),
        now,
    )

    assert made.token_url == "https://slack.com/api/oauth.v2.access"
    assert made.refresh_url == ""


@pytest.mark.requirement("R9", "QC08")
@pytest.mark.parametrize("typed", ["acme", "Acme ", "https://acme.zendesk.com", "acme.zendesk.com"])
def test_a_subdomain_is_understood_however_it_is_pasted(team: Team, now: datetime, typed: str) -> None:
    made = saved(new(team, "zendesk", placeholder_subdomain=typed, **OWN), now)

    assert made.token_url == "https://acme.zendesk.com/oauth/tokens"
    assert made.placeholders == {"subdomain": "acme"}
    assert made.revocation_url == "https://acme.zendesk.com/api/v2/oauth/tokens/current.json"


@pytest.mark.requirement("R9", "QC08")
@pytest.mark.parametrize(
    "typed",
    [
        "evil.example/",
        "evil.example#",
        "a@evil.example",
        "a\\evil",
        "a%2eevil",
        "169.254.169.254/",
        "",
        "ácme",
    ],
)
def test_no_value_of_a_placeholder_leads_to_another_host(team: Team, typed: str) -> None:
    form = new(team, "zendesk", placeholder_subdomain=typed, **OWN)

    assert not form.is_valid()
    assert list(form.errors) == ["placeholder_subdomain"]


def test_a_region_is_chosen_from_the_list(team: Team, now: datetime) -> None:
    assert not new(team, "zoho", placeholder_region="evil.example", **OWN).is_valid()

    made = saved(new(team, "zoho", placeholder_region="zoho.eu", **OWN), now)

    assert made.authorization_url == "https://accounts.zoho.eu/oauth/v2/auth"
    assert made.token_url == "https://accounts.zoho.eu/oauth/v2/token"


def test_typed_and_ticked_scopes_go_together(team: Team, now: datetime) -> None:
    first = new(team, "salesforce")
    assert first["scopes"].initial == "refresh_token"

    made = saved(
        new(
            team,
            "salesforce",
            placeholder_host="login.salesforce.com",
            scopes="refresh_token  custom",
            ticked=("api", "id"),
            **OWN,
        ),
        now,
    )

    assert made.scopes == "refresh_token custom api id"


def test_a_scope_can_be_ticked_only_if_it_is_offered(team: Team) -> None:
    form = new(team, "slack", ticked=("admin",), **OWN)

    assert not form.is_valid()
    assert list(form.errors) == ["suggested_scopes"]


@pytest.mark.requirement("R6")
def test_a_scope_that_the_provider_needs_is_pointed_out_before_the_way_there(signed_in: Client) -> None:
    url, typed = f"{PRESETS}atlassian/", {"name": "Jira", "scopes": "read:me", **OWN}

    page = signed_in.post(url, {**typed, "then": "connect"})

    assert page.status_code == 422
    assert "offline_access" in text(page)
    assert not Connection.objects.exists()
    signed_in.post(url, {**typed, "then": "add"})
    assert Connection.objects.get().scopes.split() == ["read:me", "offline_access"]


def test_where_a_provider_takes_no_scopes_none_are_asked_for(team: Team, now: datetime) -> None:
    form = new(team, "mailchimp", scopes="everything", **OWN)

    assert form.of_scopes == []
    assert saved(form, now).scopes == ""


def test_a_client_that_asks_for_itself_needs_nobody_to_consent(team: Team, now: datetime) -> None:
    made = saved(new(team, "marketo", placeholder_munchkin="123-abc-456", **OWN), now)

    assert made.grant_type == GrantType.CLIENT_CREDENTIALS
    assert made.authorization_url == ""
    assert made.token_url == "https://123-abc-456.mktorest.com/identity/oauth/token"


def test_a_preset_asks_for_a_client_where_the_host_lends_none(team: Team) -> None:
    form = new(team, "slack")

    assert not form.is_valid()
    assert list(form.errors) == ["client_id"]


# Editing


def edited(connection: Connection, **typed: str) -> CatalogueForm:
    stored = Connection.objects.get(pk=connection.pk)
    values = {f"placeholder_{name}": value for name, value in stored.placeholders.items()}
    fields = {"name": stored.name, "client_id": stored.client_id, "scopes": stored.scopes, **values}
    return CatalogueForm(
        posted(**fields | typed), preset=known(stored.preset), instance=stored, team=stored.team, user=None
    )


@pytest.fixture
def zendesk(team: Team, now: datetime) -> Connection:
    return saved(new(team, "zendesk", placeholder_subdomain="acme", **OWN), now)


def test_the_edit_page_of_a_preset_shows_what_was_chosen_and_no_addresses(
    client: Client, owner: User, zendesk: Connection
) -> None:
    client.force_login(owner)

    page = client.get(f"/t/acme/connections/{zendesk.pk}/edit/").content.decode()

    assert 'name="placeholder_subdomain" value="acme"' in page
    assert 'name="token_url"' not in page
    assert "s3cret-of-the-app" not in page


def test_a_blank_secret_stays_as_it_is(zendesk: Connection, now: datetime) -> None:
    assert saved(edited(zendesk, name="Help desk"), now).client_secret == "s3cret-of-the-app"


@pytest.mark.requirement("R9", "QC08")
def test_a_secret_goes_to_another_customers_host_only_when_it_is_typed_again(
    zendesk: Connection, now: datetime
) -> None:
    form = edited(zendesk, placeholder_subdomain="other")

    assert not form.is_valid()
    assert list(form.errors) == ["client_secret"]
    moved = saved(edited(zendesk, placeholder_subdomain="other", client_secret="again"), now)
    assert moved.token_url == "https://other.zendesk.com/oauth/tokens"


# The host's own clients


def lend(slug: str, secret: str = "secret-of-the-host") -> SharedClient:
    return SharedClient.objects.create(preset=slug, client_id="of-the-host", client_secret=secret)


def test_a_lent_client_needs_nothing_but_a_name(signed_in: Client, team: Team) -> None:
    lend("slack")

    page = signed_in.get(f"{PRESETS}slack/")
    assert "you need none of your own" in text(page)
    assert "of-the-host" not in page.content.decode()

    assert signed_in.post(f"{PRESETS}slack/", {"name": "Slack", "then": "connect"}).status_code == 200
    made = team.connections.get()
    assert made.uses_shared_client
    assert (made.client_id, made.client_secret) == ("", None)
    assert client_of(made) == ("of-the-host", ["secret-of-the-host"])


def test_a_lent_client_has_a_redirect_url_of_its_provider(signed_in: Client) -> None:
    lend("slack")

    signed_in.post(f"{PRESETS}slack/", {"name": "Slack", "then": "connect"})

    flow = AuthorizationRequest.objects.get()
    assert flow.redirect_uri == f"{django_settings.BASE_URL}/oauth/callback/slack"


def test_a_client_of_ones_own_comes_before_the_lent_one(team: Team, now: datetime) -> None:
    lend("slack")

    made = saved(new(team, "slack", **OWN), now)

    assert not made.uses_shared_client
    assert client_of(made) == ("abc", ["s3cret-of-the-app"])


def test_the_list_says_where_no_client_is_needed(signed_in: Client) -> None:
    lend("slack")

    page = signed_in.get(PRESETS, {"q": "slack"})

    assert "Slack No client needed" in text(page)


def test_the_environment_comes_before_the_admin_pages(settings: Settings, db: None) -> None:
    lend("slack")
    settings.PRESET_CLIENTS = {"slack": ("of-the-environment", "its-secret"), "linear": ("public", "")}

    assert shared_client("slack") == ("of-the-environment", "its-secret")
    assert shared_client("linear") == ("public", None)
    assert shared_client("hubspot") is None
    assert shared_presets() == {"slack", "linear"}


def test_a_client_that_is_no_longer_lent_is_a_fault_of_the_settings(team: Team, now: datetime) -> None:
    lent = lend("slack")
    made = saved(new(team, "slack"), now)
    lent.delete()

    with pytest.raises(oauth2.ClientRejected, match="no longer has a client of its own for Slack"):
        client_of(made)


@pytest.mark.requirement("R60")
@pytest.mark.parametrize("name", ["token_url", "refresh_url", "revocation_url"])
def test_a_lent_secret_never_goes_where_a_team_says(team: Team, now: datetime, name: str) -> None:
    lend("slack")
    made = saved(new(team, "slack"), now)
    assert client_of(made)

    setattr(made, name, "https://evil.example/token")

    with pytest.raises(oauth2.ClientRejected, match="goes to Slack only"):
        client_of(made)


def test_a_client_is_lent_only_where_its_secret_can_stay_unseen() -> None:
    assert is_shareable(known("gitlab"))
    # Each customer has a server of their own, or the secret travels with each call.
    assert not is_shareable(known("keycloak"))
    assert not is_shareable(known("etsy"))


def test_a_client_that_cannot_be_lent_is_not_lent_though_it_is_there(settings: Settings, db: None) -> None:
    lend("keycloak")
    settings.PRESET_CLIENTS = {"etsy": ("of-the-host", "secret-of-the-host"), "nobody": ("x", "y")}

    assert shared_client("etsy") is None
    assert shared_client("keycloak") is None
    assert shared_presets() == frozenset()


def test_who_gives_an_own_client_up_for_the_lent_one_leaves_no_secret_behind(
    team: Team, now: datetime
) -> None:
    made = saved(new(team, "slack", **OWN), now)
    lend("slack")

    edited_again = saved(edited(made, client_id=""), now)

    assert edited_again.uses_shared_client
    assert edited_again.client_secret is None
    assert client_of(edited_again) == ("of-the-host", ["secret-of-the-host"])


def test_gitlabs_lent_client_is_not_for_somebodys_own_gitlab(team: Team, now: datetime) -> None:
    lend("gitlab")
    made = saved(new(team, "gitlab", placeholder_host="evil.example"), now)

    with pytest.raises(oauth2.ClientRejected, match="goes to GitLab only"):
        client_of(made)


def test_a_connection_with_a_lent_client_can_be_deleted_after_the_client_is_gone(
    team: Team, now: datetime
) -> None:
    lent = lend("slack")
    made = saved(new(team, "slack"), now)
    factories.connected(made, now=now)
    lent.delete()

    grants.delete(made, now=now)

    assert not Connection.objects.exists()


def test_calls_that_name_a_client_that_is_gone_say_so(team: Team, now: datetime) -> None:
    lent = lend("twitch")
    made = saved(new(team, "twitch", scopes="user:read:email"), now)
    factories.connected(made, now=now)
    assert ("Client-Id", "of-the-host") in grants.access(
        made, "https://api.twitch.tv/helix/users", now=now
    ).headers
    lent.delete()

    with pytest.raises(grants.ConnectionMisconfigured, match="no longer has a client of its own for Twitch"):
        grants.access(made, "https://api.twitch.tv/helix/users", now=now)


def test_the_host_enters_a_client_whose_secret_is_never_shown(client: Client, db: None) -> None:
    client.force_login(get_user_model().objects.create_superuser("root@example.org", "long-password-1"))
    typed = {"preset": "slack", "client_id": "of-the-host", "new_secret": "secret-of-the-host"}

    client.post("/admin/connections/sharedclient/add/", typed)
    lent = SharedClient.objects.get()
    assert lent.client_secret == "secret-of-the-host"

    page = client.get(f"/admin/connections/sharedclient/{lent.pk}/change/")
    assert page.status_code == 200
    assert b"secret-of-the-host" not in page.content
    client.post(
        f"/admin/connections/sharedclient/{lent.pk}/change/", {**typed, "new_secret": "", "client_id": "new"}
    )
    lent.refresh_from_db()
    assert (lent.client_id, lent.client_secret) == ("new", "secret-of-the-host")


# A team's own presets


@pytest.fixture
def working(team: Team, editor: User) -> Connection:
    """A custom connection with settings of its own, connected."""
    made = factories.ConnectionFactory(
        team=team,
        name="CRM",
        created_by=editor,
        authorization_url="https://acme.crm.example/authorize",
        token_url="https://acme.crm.example/token",
        address_templates={
            "authorization_url": "https://{subdomain}.crm.example/authorize",
            "token_url": "https://{subdomain}.crm.example/token",
        },
        placeholders={"subdomain": "acme"},
        scopes="read write",
        scope_separator=",",
        token_parameters={"audience": "api"},
        allowed_hosts=["api.crm.example"],
    )
    factories.connected(made, now=timezone.now())
    return made


def keep(client: Client, connection: Connection, **typed: str) -> TeamPreset:
    url = f"/t/acme/connections/{connection.pk}/preset/"
    assert client.post(url, {"name": "Our CRM", **typed}).status_code == 302
    return TeamPreset.objects.get()


def made_from(preset: TeamPreset, now: datetime, **typed: str) -> Connection:
    form = TeamPresetForm(
        posted(**{"name": "Second", "scopes": "read write", **typed}),
        preset=preset,
        team=preset.team,
        user=None,
    )
    return saved(form, now)


def test_a_connection_that_works_becomes_a_preset_of_the_team(
    signed_in: Client, working: Connection, now: datetime
) -> None:
    preset = keep(signed_in, working)

    assert "client-secret" not in str(preset.settings)
    assert (preset.client_id, preset.client_secret) == ("", None)
    assert AuditEntry.objects.get(verb=Verb.SAVED_PRESET).detail == {"Preset": "Our CRM"}
    made = made_from(preset, now, placeholder_subdomain="globex", **OWN)
    assert made.token_url == "https://globex.crm.example/token"
    assert made.address_templates["token_url"] == "https://{subdomain}.crm.example/token"
    assert made.scopes == "read write"
    assert made.scope_separator == ","
    assert made.token_parameters == {"audience": "api"}
    assert made.allowed_hosts == ["api.crm.example"]
    assert made.preset == ""
    assert client_of(made) == ("abc", ["s3cret-of-the-app"])


def test_a_teams_presets_come_first_and_are_found(signed_in: Client, working: Connection) -> None:
    keep(signed_in, working)

    page = text(signed_in.get(PRESETS))

    assert page.index("Our CRM") < page.index("Salesforce")
    assert "Our CRM" in text(signed_in.get(PRESETS, {"q": "crm our"}))
    assert "Our CRM" not in text(signed_in.get(PRESETS, {"q": "slack"}))


def test_a_preset_that_carries_its_client_asks_for_neither_client_nor_host(
    signed_in: Client, working: Connection, now: datetime
) -> None:
    preset = keep(signed_in, working, with_client="on")

    page = signed_in.get(f"{PRESETS}team/{preset.pk}/")
    assert "placeholder_subdomain" not in page.content.decode()
    assert "client-secret" not in page.content.decode()

    made = made_from(preset, now)
    assert made.token_url == "https://acme.crm.example/token"
    assert client_of(made) == ("client", ["client-secret"])


@pytest.mark.requirement("R60")
def test_a_carried_secret_goes_only_where_it_went_before(
    signed_in: Client, working: Connection, now: datetime
) -> None:
    preset = keep(signed_in, working, with_client="on")

    made = made_from(
        preset,
        now,
        placeholder_subdomain="evil",
        token_url="https://evil.example",
        refresh_url="https://evil.example",
    )

    assert made.token_url == "https://acme.crm.example/token"
    assert made.refresh_url == ""


def test_a_connection_that_never_worked_becomes_no_preset(
    signed_in: Client, team: Team, editor: User
) -> None:
    untried = factories.ConnectionFactory(team=team, created_by=editor)
    from_catalogue = factories.ConnectionFactory(team=team, created_by=editor, preset="slack")
    factories.connected(from_catalogue, now=timezone.now())

    for connection in (untried, from_catalogue):
        url = f"/t/acme/connections/{connection.pk}/preset/"
        assert signed_in.post(url, {"name": "Our CRM"}).status_code == 404
    assert not TeamPreset.objects.exists()


def test_two_presets_of_a_team_have_two_names(signed_in: Client, working: Connection) -> None:
    keep(signed_in, working)

    page = signed_in.post(f"/t/acme/connections/{working.pk}/preset/", {"name": "Our CRM"})

    assert page.status_code == 422
    assert "Your team has a preset of this name already" in text(page)


def test_only_admins_and_its_maker_delete_a_preset(
    client: Client, team: Team, working: Connection, editor: User, owner: User
) -> None:
    client.force_login(editor)
    preset = keep(client, working)
    another = factories.member_of(team, Role.EDITOR)
    url = f"{PRESETS}team/{preset.pk}/delete/"

    client.force_login(another)
    assert client.post(url).status_code == 403
    client.force_login(owner)
    assert client.post(url).status_code == 302

    assert not TeamPreset.objects.exists()
    assert Connection.objects.filter(pk=working.pk).exists()
    entry = AuditEntry.objects.get(verb=Verb.DELETED)
    assert (entry.object_kind, entry.object_name, entry.user) == ("preset", "Our CRM", owner)


@pytest.mark.requirement("R62")
def test_another_teams_preset_is_not_there(client: Client, signed_in: Client, working: Connection) -> None:
    preset = keep(signed_in, working, with_client="on")
    globex = factories.TeamFactory(slug="globex")
    client.force_login(factories.member_of(globex, Role.OWNER))

    for path in ("", "delete/"):
        url = f"/t/globex/connections/presets/team/{preset.pk}/{path}"
        assert client.get(url).status_code == 404
        assert client.post(url, {"name": "Stolen"}).status_code == 404
    assert "Our CRM" not in text(client.get("/t/globex/connections/presets/"))
