"""The catalogue of providers: how it is read, and that what it says is safe to use."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from connections import providers
from connections.oauth2.dialect import BodyStyle, Dialect, Meaning, RefreshKind, Rule
from connections.providers import Placeholder, Provider
from connections.providers.catalogue import read_catalogue
from connections.providers.quirks import callback_is_genuine
from connections.providers.reading import CatalogueError

pytestmark = pytest.mark.requirement("R7")

# Hosts of one company under two names, as far as a secret or token may go from one to the other.
SAME_OWNER = {
    frozenset(pair.split()): reason
    for pair, reason in {
        "google.com googleapis.com": "Google's consent page and its APIs",
        "hubspot.com hubapi.com": "HubSpot's pages and its API",
        "dropbox.com dropboxapi.com": "Dropbox's pages and its API",
        "tiktok.com tiktokapis.com": "TikTok's pages and its API",
        "withings.com withings.net": "Withings's pages and its API",
        "gohighlevel.com leadconnectorhq.com": "HighLevel's marketplace and its API",
        "sageone.com sage.com": "Sage's older and newer name",
        "intercom.com intercom.io": "Intercom's pages and its API",
        "atlassian.net tempo.io": "Tempo is an app inside Jira, so consent begins there",
        "amazon.com amazon.co.uk": "Amazon's regions",
        "amazon.com amazon.co.jp": "Amazon's regions",
    }.items()
}
NEVER_ACCEPTED = [
    "",
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "a@b",
    "a@evil.example",
    "a\\b",
    "a b",
    "a\n",
    "%2e",
    "a%2eevil",
    "169.254.169.254/",
    "127.0.0.1:80/x",
    "{other}",
    "ácme",
    "a" * 300,
]


def every() -> list[object]:
    """All entries as parameters of a test, by their slug."""
    return [pytest.param(provider, id=slug) for slug, provider in providers.catalogue().items()]


each_provider = pytest.mark.parametrize("provider", every())


def each_placeholder_but(slugs: Collection[str]) -> pytest.MarkDecorator:
    """Of all entries but these."""
    return pytest.mark.parametrize(
        ("provider", "placeholder"),
        [
            pytest.param(provider, placeholder, id=f"{slug}.{placeholder.name}")
            for slug, provider in providers.catalogue().items()
            for placeholder in provider.placeholders
            if slug not in slugs
        ],
    )


each_placeholder = each_placeholder_but(())


def examples(provider: Provider) -> dict[str, str]:
    return {placeholder.name: placeholder.example for placeholder in provider.placeholders}


def secret_destinations(provider: Provider) -> dict[str, str]:
    """Where client secrets and tokens of this provider are sent by us."""
    follow_up = provider.dialect.follow_up
    found = {
        "token_url": provider.token_url,
        "revocation_url": provider.revocation_url,
        "refresh_url": provider.dialect.refresh_url,
        "follow_up": follow_up.url if follow_up else "",
    }
    return {name: url for name, url in found.items() if url}


def owner_of(url: str) -> str:
    labels = (urlsplit(url).hostname or "").split(".")
    count = 3 if labels[-2] in ("co", "com") and len(labels[-1]) == 2 else 2
    return ".".join(labels[-count:])


def names_in(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


def covered(host: str, patterns: tuple[str, ...]) -> bool:
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:])) for p in patterns)


# What the entries say ---------------------------------------------------------------------------------


def test_the_catalogue_knows_more_than_a_hundred_providers():
    assert len(providers.catalogue()) > 100


@each_provider
def test_every_address_is_https(provider: Provider):
    addresses = [provider.authorization_url, provider.setup_url, *secret_destinations(provider).values()]
    addresses += [*provider.sources]
    for url in filter(None, addresses):
        assert url.startswith("https://"), url
        assert "@" not in url.split("/")[2]
    for url in filter(None, (provider.api_base, provider.test_url)):
        assert url.startswith(("https://", "{")), url


@each_provider
def test_every_placeholder_of_an_address_is_declared(provider: Provider):
    declared = {placeholder.name for placeholder in provider.placeholders}
    addresses = secret_destinations(provider) | {"authorization_url": provider.authorization_url}
    for name, url in addresses.items():
        allowed = declared | ({"client_id"} if name == "revocation_url" else set())
        assert names_in(url) <= allowed, name
    told = {name.replace(".", "_") for name in provider.dialect.kept} | set(provider.dialect.kept)
    told |= set(provider.dialect.callback_parameters)
    used = set(re.findall(r"{([\w.]+)}", provider.api_base + provider.test_url))
    assert used <= declared | told


@each_provider
def test_every_declared_placeholder_is_used(provider: Provider):
    assert names_in(repr(provider)) >= {placeholder.name for placeholder in provider.placeholders}


@each_provider
def test_values_in_parameters_and_headers_are_ones_that_we_know(provider: Provider):
    dialect = provider.dialect
    known = {"client_id", "client_secret", "redirect_uri", "scope", "code", "access_token", "refresh_token"}
    known |= {placeholder.name for placeholder in provider.placeholders} | set(dialect.kept)
    for mapping in (
        dialect.authorization_parameters,
        dialect.token_parameters,
        dialect.token_headers,
        dialect.refresh_parameters,
        dialect.revocation.parameters,
        dialect.revocation.headers,
        dialect.api_headers,
        dialect.follow_up.parameters if dialect.follow_up else {},
    ):
        for value in mapping.values():
            assert names_in(value) <= known


@each_provider
def test_the_browser_never_carries_a_secret(provider: Provider):
    said = " ".join([provider.authorization_url, *provider.dialect.authorization_parameters.values()])
    assert "secret" not in said
    assert "token}" not in said


@each_provider
def test_no_secret_travels_in_a_query_unless_the_provider_takes_it_nowhere_else(provider: Provider):
    dialect = provider.dialect
    if dialect.request_body is BodyStyle.QUERY:
        assert dialect.client_authentication == "basic"
    # Meta's family exchanges tokens by GET; there is no other way.
    if dialect.refresh_method == "GET" or dialect.follow_up:
        assert provider.slug in {"meta", "instagram", "threads"}


@each_provider
def test_the_secret_stays_with_the_company_whose_page_people_consent_on(provider: Provider):
    filled = provider.filled(examples(provider))
    addresses = secret_destinations(filled)
    home = owner_of(filled.authorization_url or addresses["token_url"])
    for name, url in addresses.items():
        pair = frozenset((home, owner_of(url)))
        assert len(pair) == 1 or pair in SAME_OWNER, name


def test_no_pair_of_hosts_is_excused_that_nobody_uses():
    used = set()
    for provider in providers.catalogue().values():
        for values in variants(provider):
            filled = provider.filled(values)
            home = owner_of(filled.authorization_url or filled.token_url)
            used |= {frozenset((home, owner_of(url))) for url in secret_destinations(filled).values()}
    assert SAME_OWNER.keys() <= used


def variants(provider: Provider) -> list[dict[str, str]]:
    """The examples, and each choice of each placeholder by itself."""
    first = examples(provider)
    return [first] + [
        first | {placeholder.name: choice}
        for placeholder in provider.placeholders
        for choice in placeholder.choices
    ]


@each_provider
def test_the_test_call_goes_where_tokens_may_go(provider: Provider):
    filled = provider.filled(examples(provider))
    host = urlsplit(filled.test_url).hostname or ""
    if filled.test_url.startswith("https://"):
        assert covered(host, filled.api_hosts)


@each_provider
def test_hosts_are_plain_and_cover_more_than_a_top_level_domain(provider: Provider):
    for values in variants(provider):
        filled = provider.filled(values)
        for host in (*filled.api_hosts, *filled.token_hosts, *filled.dialect.answer_hosts):
            assert re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", host), host
            assert not re.fullmatch(r"\*\.(com|co|net|org)\.[a-z]{2}", host)


@each_provider
def test_regular_expressions_compile_and_rules_say_something(provider: Provider):
    for rule in provider.dialect.rules:
        re.compile(rule.words)
        assert rule.status or rule.member or rule.words
        if rule.meaning is Meaning.EXPIRED:
            assert rule.status is not None


@each_provider
def test_settings_are_ones_that_exist(provider: Provider):
    dialect = provider.dialect
    assert dialect.pkce in {"S256", "plain", "off"}
    assert dialect.client_authentication in {"auto", "basic", "basic_raw", "body", "none"}
    assert dialect.revocation.authentication in {"", "basic", "basic_raw", "body", "none", "bearer"}
    assert dialect.revocation.which in {"refresh", "access", "either"}
    assert dialect.scope_separator in {" ", ",", ";"}
    assert re.fullmatch(r"(\?\w+=|[\w-]+: (\w[\w-]* )?){access_token}", dialect.api_authorization)


@each_provider
def test_a_person_can_set_it_up(provider: Provider):
    assert provider.setup_url
    assert provider.sources
    assert any("Client ID" in step or "client ID" in step or "Client Id" in step for step in provider.steps)
    assert any("{redirect_uri}" in step for step in provider.steps) or not provider.authorization_url
    for sentence in (*provider.steps, *provider.notes, provider.refresh_remedy):
        assert not sentence or sentence.endswith((".", ">."))


@each_provider
def test_an_entry_that_exchanges_says_with_what(provider: Provider):
    if provider.dialect.refresh_kind is RefreshKind.EXCHANGE:
        assert provider.dialect.refresh_url
        assert "{access_token}" in provider.dialect.refresh_parameters.values()


def test_only_one_family_is_recognized_by_a_host():
    heads = [provider for provider in providers.catalogue().values() if not provider.like]
    hosts = Counter(host for provider in heads for host in provider.token_hosts)
    assert [host for host, count in hosts.items() if count > 1] == []


# Placeholders -----------------------------------------------------------------------------------------


@each_placeholder
def test_a_placeholder_takes_its_own_example(provider: Provider, placeholder: Placeholder):
    assert placeholder.accepts(placeholder.example)
    assert placeholder.label
    if placeholder.default:
        assert placeholder.accepts(placeholder.default)
    for alias in placeholder.aliases.values():
        assert placeholder.accepts(alias)


@pytest.mark.requirement("R9", "QC08")
@each_placeholder
def test_a_placeholder_takes_nothing_that_leads_to_another_host(provider: Provider, placeholder: Placeholder):
    ends = ["/", "/x", "@evil.example", "#", "?x", "\\x", " ", "\n", "%2e", ":80@evil.example"]
    for value in [*NEVER_ACCEPTED, *(placeholder.example + end for end in ends)]:
        assert not placeholder.accepts(value), value
    assert placeholder.choices or placeholder.pattern


# Who runs these does it at a place of their own, whose name can be any.
ANYWHERE = {"gitlab", "keycloak"}


@pytest.mark.requirement("R9", "QC08")
@each_placeholder_but(ANYWHERE)
def test_the_owner_of_the_token_host_is_the_same_whatever_the_value(
    provider: Provider, placeholder: Placeholder
):
    values = examples(provider)
    tried = ["x", "evil-example", "evil", "evil.example", "1-2", "contoso.crm4.dynamics.com"]
    owners = {owner_of(provider.address(provider.token_url, values))}
    for value in tried:
        if placeholder.accepts(value):
            owners.add(owner_of(provider.address(provider.token_url, values | {placeholder.name: value})))
    assert len(owners) == 1


def test_an_address_with_a_value_that_does_not_fit_is_never_made():
    zendesk = providers.get("zendesk")
    assert zendesk

    with pytest.raises(ValueError, match="subdomain"):
        zendesk.address(zendesk.token_url, {"subdomain": "evil.example/"})

    assert (
        zendesk.address(zendesk.token_url, {"subdomain": "acme"}) == "https://acme.zendesk.com/oauth/tokens"
    )


def test_placeholders_are_filled_in_everywhere_but_in_themselves():
    meta = providers.get("meta")
    assert meta

    filled = meta.filled({"version": "v24.0"})

    assert filled.dialect.follow_up
    assert filled.dialect.follow_up.url == "https://graph.facebook.com/v24.0/oauth/access_token"
    assert filled.dialect.refresh_url == "https://graph.facebook.com/v24.0/oauth/access_token"
    assert filled.test_url == "https://graph.facebook.com/v24.0/me"
    assert filled.placeholders == meta.placeholders
    assert filled.dialect.follow_up.parameters["client_secret"] == "{client_secret}"


def test_a_value_that_does_not_fit_leaves_the_placeholder_standing():
    zendesk = providers.get("zendesk")
    assert zendesk

    assert zendesk.filled({"subdomain": "evil.example/"}).api_hosts == ("{subdomain}.zendesk.com",)
    assert zendesk.filled({}).api_hosts == ("{subdomain}.zendesk.com",)


@pytest.mark.requirement("R17", "QC03")
def test_a_callback_tells_a_data_centre_only_from_the_list():
    zoho = providers.get("zoho")
    assert zoho
    [region] = zoho.placeholders

    assert region.read("eu") == "zoho.eu"
    assert region.read("ca") == "zohocloud.ca"
    assert region.read("evil.example") is None
    assert region.read("accounts.zoho.eu") is None


# Quirks -----------------------------------------------------------------------------------------------

SHOPIFY_CALLBACK = {
    "code": ["0907a61c0c8d55e99db179b68161bc00"],
    "host": ["YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvYWNtZQ"],
    "shop": ["acme.myshopify.com"],
    "state": ["0.6784241404160823"],
    "timestamp": ["1337178173"],
}


def signed(parameters: dict[str, list[str]], secret: str = "hush") -> dict[str, list[str]]:
    text = "&".join(f"{name}={values[0]}" for name, values in sorted(parameters.items()))
    return parameters | {"hmac": [hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()]}


def is_genuine(parameters: dict[str, list[str]], host: str = "acme.myshopify.com") -> bool:
    shopify = providers.get("shopify")
    assert shopify
    return callback_is_genuine(shopify.dialect.quirk, parameters, "hush", token_host=host)


@pytest.mark.requirement("R17", "QC07")
def test_a_callback_that_shopify_signed_is_genuine():
    # Shopify's own example of a signature, with its secret.
    known = {"shop": ["some-shop.myshopify.com"], "code": ["0907a61c0c8d55e99db179b68161bc00"]}
    known |= {"timestamp": ["1337178173"], "state": ["0.6784241404160823"]}
    known |= {"hmac": ["700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"]}
    assert callback_is_genuine("shopify", known, "hush", token_host="some-shop.myshopify.com")

    assert is_genuine(signed(SHOPIFY_CALLBACK))


@pytest.mark.requirement("R17", "QC07")
@pytest.mark.parametrize(
    "callback",
    [
        SHOPIFY_CALLBACK,
        SHOPIFY_CALLBACK | {"hmac": [""]},
        signed(SHOPIFY_CALLBACK) | {"shop": ["evil.myshopify.com"]},
        signed(SHOPIFY_CALLBACK) | {"code": ["another"]},
        signed(SHOPIFY_CALLBACK) | {"added": ["x"]},
        signed(SHOPIFY_CALLBACK) | {"added": ["x", "y"]},
        signed(SHOPIFY_CALLBACK) | {"hmac": ["0" * 64]},
        signed(SHOPIFY_CALLBACK) | {"hmac": ["é"]},
        signed(SHOPIFY_CALLBACK, secret="another"),
        signed(SHOPIFY_CALLBACK) | {"shop": ["acme.myshopify.com", "evil.myshopify.com"]},
        signed(SHOPIFY_CALLBACK | {"shop": ["evil.myshopify.com"]}),
    ],
)
def test_no_other_callback_is_taken_for_shopifys(callback: dict[str, list[str]]):
    assert not is_genuine(callback)


def test_a_provider_that_signs_nothing_is_believed():
    assert callback_is_genuine("", {"code": ["x"]}, "hush", token_host="api.acme.example")


@each_provider
def test_a_quirk_has_its_function(provider: Provider):
    if provider.dialect.quirk:
        assert not callback_is_genuine(provider.dialect.quirk, {}, "", token_host="")


# Recognition ------------------------------------------------------------------------------------------


@pytest.mark.requirement("R5")
@pytest.mark.parametrize(
    ("token_url", "slug"),
    [
        ("https://oauth2.googleapis.com/token", "google"),
        ("https://accounts.google.com/o/oauth2/token", "google"),
        ("https://login.salesforce.com/services/oauth2/token", "salesforce"),
        ("https://acme--full.sandbox.my.salesforce.com/services/oauth2/token", "salesforce"),
        ("https://accounts.zoho.com.au/oauth/v2/token", "zoho"),
        ("https://api.hubapi.com/oauth/v1/token", "hubspot"),
        ("https://graph.facebook.com/v24.0/oauth/access_token", "meta"),
        ("https://LOGIN.microsoftonline.com/common/oauth2/v2.0/token", "microsoft"),
        ("https://acme.zendesk.com/oauth/tokens", "zendesk"),
        ("https://api.amazon.co.uk/auth/o2/token", "amazon_lwa"),
        ("https://github.com/login/oauth/access_token", "github_oauth_app"),
    ],
)
def test_a_token_url_gives_its_provider_away(token_url: str, slug: str):
    provider = providers.recognize(token_url)
    assert provider
    assert provider.slug == slug


@pytest.mark.parametrize(
    "token_url",
    [
        "https://zendesk.com/oauth/tokens",
        "https://acme.zendesk.com.evil.example/oauth/tokens",
        "https://evil.example/graph.facebook.com",
        "https://graph.facebook.com@evil.example/",
        "https://evil.example/?accounts.zoho.com",
        "https://sso.example.com/realms/main/protocol/openid-connect/token",
        "not an address",
        "",
    ],
)
def test_no_other_host_is_taken_for_a_provider(token_url: str):
    assert providers.recognize(token_url) is None


def test_a_typed_token_url_shows_the_values_of_its_placeholders():
    zoho, meta, tempo = (providers.get(slug) for slug in ("zoho", "meta", "tempo"))
    assert zoho
    assert meta
    assert tempo

    assert zoho.values_in("https://accounts.zoho.eu/oauth/v2/token") == {"region": "zoho.eu"}
    assert zoho.values_in("https://accounts.evil.example/oauth/v2/token") == {}
    assert meta.values_in("https://graph.facebook.com/oauth/access_token") == {"version": "v25.0"}
    assert tempo.values_in(tempo.token_url) == {}


@each_provider
def test_values_of_placeholders_are_found_again_in_the_token_url(provider: Provider):
    values = examples(provider)
    shown = {name: value for name, value in values.items() if f"{{{name}}}" in provider.token_url}

    assert provider.values_in(provider.address(provider.token_url, values)).items() >= shown.items()


# Reading ----------------------------------------------------------------------------------------------

ENTRY = """
groups = ["Shops"]
[acme]
title = "Acme"
group = "Shops"
authorization_url = "https://acme.example/authorize"
token_url = "https://api.acme.example/token"
api_base = "https://api.acme.example/v1"
"""


def test_an_entry_of_two_addresses_is_a_plain_server():
    provider = read_catalogue(ENTRY)["acme"]

    assert provider.dialect == Dialect()
    assert provider.token_hosts == {"api.acme.example"}
    assert provider.api_hosts == ("api.acme.example",)


def test_values_have_the_types_of_their_fields():
    provider = read_catalogue(
        ENTRY
        + """
dialect.scope_parameter = false
dialect.renamed = { client_id = "key", response_type = false }
dialect.request_body = "json"
dialect.rules = [{ meaning = "dead", status = 200, member = "error" }]
dialect.idle_life = "90 days"
dialect.refresh_dropped = ["grant_type"]
"""
    )["acme"]

    dialect = provider.dialect
    assert dialect.scope_parameter is None
    assert dialect.renamed == {"client_id": "key", "response_type": None}
    assert dialect.request_body is BodyStyle.JSON
    assert dialect.rules == (Rule(Meaning.DEAD, 200, "error"),)
    assert dialect.idle_life == timedelta(days=90)
    assert dialect.refresh_dropped == {"grant_type"}


def test_an_entry_like_another_says_only_what_differs():
    both = read_catalogue(
        ENTRY
        + """
dialect.authorization_parameters = { a = "1", b = "2" }
[acme_two]
like = "acme"
title = "Acme Two"
needed_scopes = ["x"]
dialect.authorization_parameters = { b = "3" }
"""
    )

    assert both["acme_two"].token_url == both["acme"].token_url
    assert both["acme_two"].dialect.authorization_parameters == {"a": "1", "b": "3"}
    assert both["acme_two"].token_hosts == both["acme"].token_hosts
    assert both["acme"].dialect.authorization_parameters == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('tokenurl = "https://x"', "acme.tokenurl: there is no such key"),
        ('dialect.pkse = "off"', "acme.dialect.pkse: there is no such key"),
        ('dialect.rules = [{ meaning = "dead", sttus = 1 }]', r"acme.dialect.rules\[0\].sttus: there is no"),
        ('dialect.rules = [{ meaning = "gone" }]', r"acme.dialect.rules\[0\].meaning: 'gone' is not what"),
        ("dialect.rules = [{ status = 400 }]", r"acme.dialect.rules\[0\].meaning is missing"),
        ('dialect.kept = "user_id"', "acme.dialect.kept: 'user_id' is not what belongs here"),
        ('dialect.idle_life = "soon"', "acme.dialect.idle_life: 'soon' is not"),
        ("dialect.pkce = true", "acme.dialect.pkce: True is not"),
        ('placeholders.x = { label = "X" }', r"acme.placeholders\[0\].example is missing"),
        ('[other]\nlike = "nobody"', "other.like: no entry 'nobody'"),
        ('[other]\nlike = "acme"\ngroup = "Pets"', "other: there is no group 'Pets'"),
        ('[other]\ntitle = "Other"', "other.authorization_url is missing"),
    ],
)
def test_a_slip_of_the_pen_is_an_error_with_its_place(lines: str, complaint: str):
    with pytest.raises(CatalogueError, match=complaint):
        read_catalogue(ENTRY + lines)
