"""The fields of Advanced: what a server may want otherwise than the RFCs say. Each has a default."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connections.grants.using.apis import read_placement
from connections.models import ClientAuthentication, GrantType, Pkce, TokenBody

from .fields import HeadersField, HostsField, ParametersField, SignalsField, SwitchField, check_header

SCOPE_SEPARATORS = [(" ", "Space"), (",", "Comma"), (";", "Semicolon")]
# The parameters that we send ourselves: extra ones of these names would contradict them.
_OF_AUTHORIZATION = (
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
)
_OF_EXCHANGE = ("client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri")
_OF_REFRESH = ("client_id", "client_secret", "code", "code_verifier", "grant_type", "refresh_token")
_YEARS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Section:
    """Some of the fields, under a heading."""

    title: str
    names: tuple[str, ...]


SECTIONS = (
    Section(
        "Authorization",
        (
            "expected_issuer",
            "grant_type",
            "pkce",
            "scope_separator",
            "authorization_parameters",
            "has_own_redirect_url",
        ),
    ),
    Section(
        "Token requests",
        (
            "client_authentication",
            "token_body",
            "token_parameters",
            "token_headers",
            "token_path",
            "old_client_secret",
        ),
    ),
    Section("Refreshing", ("refresh_url", "refresh_parameters", "default_life")),
    Section("API calls", ("api_authorization", "expiry_signals", "allowed_hosts", "test_url")),
    Section("Ending", ("revocation_url",)),
)


class DefaultedChoiceField(forms.ChoiceField):
    """A choice that is this one when none is made."""

    def __init__(self, *, default: str, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.default = default

    def clean(self, value: Any) -> Any:
        return super().clean(value) or self.default


def address_field(label: str, help_text: str) -> forms.CharField:
    """An address of an endpoint; what it must be is checked with its placeholders filled in."""
    widget = forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false", "autocapitalize": "none"})
    return forms.CharField(label=label, required=False, max_length=2000, widget=widget, help_text=help_text)


def secret_field(label: str, help_text: str) -> forms.CharField:
    """A secret: never rendered."""
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, required=False, max_length=4000, widget=widget, help_text=help_text)


class AdvancedFields(forms.Form):
    """What the form of a connection has besides the six fields."""

    grant_type = DefaultedChoiceField(
        label="Grant type",
        choices=GrantType.choices,
        default=GrantType.AUTHORIZATION_CODE,
        help_text="Authorization code: a person consents at the provider. Client credentials: the app asks "
        "for itself, nobody consents, and Authorization Base URL may stay empty.",
    )
    pkce = DefaultedChoiceField(
        label="PKCE",
        choices=Pkce.choices,
        default=Pkce.AUTO,
        help_text="Binds the code to this product. Automatic is S256. Choose plain only where the provider "
        "knows nothing else (MyAnimeList), and Off only if it refuses code_challenge.",
    )
    scope_separator = DefaultedChoiceField(
        label="Scope separator",
        choices=SCOPE_SEPARATORS,
        default=" ",
        help_text="What stands between scopes in the address. Nearly always a space; a comma at Strava.",
    )
    authorization_parameters = ParametersField(
        label="Extra authorization parameters",
        required=False,
        ours=_OF_AUTHORIZATION,
        help_text="One name=value a line, added to the Authorization Base URL. Google gives a refresh token "
        "only with access_type=offline and prompt=consent.",
    )
    has_own_redirect_url = SwitchField(
        label="A Redirect URL of its own",
        required=False,
        help_text="Answers of this provider then arrive at an address that no other connection has. Choose "
        "it for a server that you do not fully trust, and register the address that is shown above.",
    )
    expected_issuer = address_field(
        "Issuer",
        "Who the provider says it is, for example https://accounts.google.com. Discover reads its addresses "
        "from there and fills them in; an answer in the name of any other issuer is refused.",
    )

    client_authentication = DefaultedChoiceField(
        label="Client authentication",
        choices=ClientAuthentication.choices,
        default=ClientAuthentication.AUTO,
        help_text="How Client ID and Client Secret are sent to the Token URL. Automatic finds it out; choose "
        "the header that is not form-encoded if the secret holds signs such as % or + and is refused.",
    )
    token_body = DefaultedChoiceField(
        label="Token request body",
        choices=TokenBody.choices,
        default=TokenBody.AUTO,
        help_text="How parameters travel to the Token URL. Automatic is a form, as the standard says; Notion "
        "and Atlassian, for example, read JSON.",
    )
    token_parameters = ParametersField(
        label="Extra token parameters",
        required=False,
        ours=_OF_EXCHANGE,
        places=("client_secret",),
        help_text="One name=value a line, sent when a code becomes a token, for example "
        "audience=https://api.example.com.",
    )
    token_headers = HeadersField(
        label="Extra headers",
        required=False,
        help_text="One Name: value a line, sent with every token request, for example "
        "Notion-Version: 2022-06-28.",
    )
    token_path = forms.RegexField(
        label="Token path",
        required=False,
        max_length=200,
        regex=r"^[\w$-]+(\.[\w$-]+)*$",
        error_messages={
            "invalid": "Write names with dots between them, for example authed_user or data.auth."
        },
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text="Where access_token sits in the answer, with dots between names. Slack puts a user’s token "
        "under authed_user. Empty: at the top.",
    )
    old_client_secret = secret_field(
        "Old Client Secret",
        "Tried when the provider refuses the new one, so that a secret can be changed without a gap.",
    )

    refresh_url = address_field(
        "Refresh URL",
        "Where tokens are renewed, if that is not the Token URL, for example https://api.figma.com/v1/oauth/refresh.",
    )
    refresh_parameters = ParametersField(
        label="Extra refresh parameters",
        required=False,
        ours=_OF_REFRESH,
        droppable=("client_id", "client_secret", "grant_type"),
        places=("client_secret", "refresh_token", "access_token"),
        help_text="One name=value a line, sent when a token is renewed, for example "
        "redirect_uri={redirect_uri}. A line grant_type= leaves out what the standard would send.",
    )
    default_life = forms.IntegerField(
        label="Default life",
        required=False,
        min_value=60,
        max_value=_YEARS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "min": "60"}),
        help_text="How many seconds a token lives if the provider does not say: 3600 is an hour. "
        "Salesforce does not say; its sessions last two hours by default.",
    )

    api_authorization = forms.CharField(
        label="API authorization",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text="How calls carry the token. Empty: Authorization: Bearer {access_token}. Zoho wants "
        "Authorization: Zoho-oauthtoken {access_token}; ?key={access_token} puts it into the address.",
    )
    expiry_signals = SignalsField(
        label="Also refresh on",
        required=False,
        help_text="Answers besides 401 that mean the token has run out, one a line: 403, "
        "200 error=token_expired, 400 error.code=190.",
    )
    allowed_hosts = HostsField(
        label="Allowed hosts",
        required=False,
        help_text="Where the token may be sent besides the hosts of the addresses above, one host a line, "
        "for example api.example.com. It goes nowhere else.",
    )
    test_url = address_field(
        "Test URL",
        "What Test connection reads, for example https://api.example.com/v1/me. It should change nothing.",
    )

    revocation_url = address_field(
        "Revocation URL",
        "Where tokens are ended when the connection is deleted (RFC 7009), for example "
        "https://oauth2.googleapis.com/revoke",
    )

    def clean_api_authorization(self) -> str:
        """As it was typed, if a call can carry it: a header with a scheme of any name, or a parameter."""
        text: str = self.cleaned_data["api_authorization"]
        if not text:
            return ""
        try:
            placement = read_placement(text)
        except ValueError as refusal:
            raise ValidationError(str(refusal)) from None
        if not placement.is_parameter and placement.name.lower() != "authorization":
            check_header(placement.name, placement.value)
        return text
