"""The form of a connection: the six fields, Advanced, and the rules between fields."""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Team, User
from connections import grants, providers
from connections.models import Connection, DecryptionFailed, GrantType

from .addresses import clean_endpoint, clean_issuer
from .advanced import SECTIONS, AdvancedFields, address_field, secret_field
from .binding import newly_sent_by
from .fields import SwitchField
from .known import Missing, differences, missing
from .placeholders import PREFIX, PlaceholderField, filled_in, names_in, placeholders_in

NAME_TAKEN = "Your team has a connection of this name already. Choose another name."
SENT_TWICE = (
    "This form has made a connection before. For one more press the button again; if that is to have a "
    "Redirect URL of its own, register the one that is shown now."
)
ENTER_AGAIN = "Enter the secret again: a page that is shown again does not keep it."
# Of the addresses, those in which placeholders may stand.
ADDRESSES = ("authorization_url", "token_url", "refresh_url", "revocation_url")
# Says in a form shown again that there was a secret in it.
TYPED_BEFORE = "secret_was_typed"
_SIX = ("name", "authorization_url", "token_url", "client_id", "client_secret", "scopes")


class ShownSection(NamedTuple):
    """Fields under a heading, as a page shows them."""

    title: str
    fields: list[forms.BoundField]


class ConnectionForm(forms.ModelForm, AdvancedFields):  # type: ignore[type-arg]
    """The six fields that connect to any plain provider, and Advanced for the others.

    Secrets are write-only: they are never rendered, and left blank they stay as they are.
    """

    authorization_url = address_field(
        "Authorization Base URL",
        "Opens the provider’s consent page, for example https://accounts.google.com/o/oauth2/auth",
    )
    token_url = address_field(
        "Token URL", "Where a code becomes a token, for example https://oauth2.googleapis.com/token"
    )
    client_secret = secret_field(
        "Client Secret",
        "From the provider’s page of your app. It is stored encrypted and never shown again.",
    )
    keep_old_secret = forms.BooleanField(
        label="Keep the stored secret as a fallback",
        required=False,
        help_text="For as long as the provider takes both: the new one is tried first.",
    )
    remove_old_secret = forms.BooleanField(
        label="Remove the old secret",
        required=False,
        help_text="From then on only the Client Secret is used.",
    )
    follows_provider = SwitchField(
        label="Use what is known of this provider",
        required=False,
        help_text="What Advanced says comes first. Switched off, only Advanced counts.",
    )

    class Meta:
        model = Connection
        fields = [
            "name",
            "authorization_url",
            "token_url",
            "client_id",
            "scopes",
            "follows_provider",
            "grant_type",
            "pkce",
            "scope_separator",
            "authorization_parameters",
            "has_own_redirect_url",
            "expected_issuer",
            "client_authentication",
            "token_body",
            "token_parameters",
            "token_headers",
            "token_path",
            "refresh_url",
            "refresh_parameters",
            "default_life",
            "api_authorization",
            "expiry_signals",
            "allowed_hosts",
            "test_url",
            "revocation_url",
        ]
        labels = {"name": "Name", "client_id": "Client ID", "scopes": "Scopes"}
        help_texts = {
            "name": "How your team will call it, for example Google Calendar.",
            "client_id": "From the provider’s page of your app, for example "
            "1234-abcd.apps.googleusercontent.com",
            "scopes": "What the connection may do, separated by spaces, for example "
            "https://www.googleapis.com/auth/calendar.readonly",
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "client_id": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "scopes": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        }

    SIX = _SIX
    # What has a default for any plain provider.
    ADVANCED = tuple(name for name in Meta.fields if name not in _SIX)

    def __init__(
        self, *args: Any, team: Team, user: User | None, adds_missing: bool = False, **options: Any
    ) -> None:
        stored: Connection | None = options.get("instance")
        typed = stored.address_templates if stored else {}
        options["initial"] = {**typed, **(options.get("initial") or {})}
        # Ids of its own: it opens in a dialog on the request builder, whose form has a Name, too.
        super().__init__(*args, **{"auto_id": "connection_%s"} | options)
        self.instance.team = team
        self._before = copy.copy(self.instance)
        self._user, self._adds_missing = user, adds_missing
        if self.instance._state.adding:
            self.instance.created_by = user
        self.fields["authorization_url"].required = not self._is_for_the_client()
        self.fields["token_url"].required = True
        kept = "Stored. Leave this blank to keep it; it is never shown."
        if self.has_secret:
            self.fields["client_secret"].help_text = kept
        if self.has_old_secret:
            self.fields["old_client_secret"].help_text = f"{kept} Tried when the new one is refused."
        self.placeholders = self.find_placeholders()
        for name, placeholder in self.placeholders.items():
            addresses = self._typed_addresses()
            value = self.instance.placeholders.get(name) or placeholder.default
            self.fields[PREFIX + name] = PlaceholderField(placeholder, addresses, initial=value)

    # What a page shows

    @property
    def has_secret(self) -> bool:
        """Whether a secret is stored that a blank field keeps."""
        return not self.instance._state.adding and self._before.has_secret

    @property
    def has_old_secret(self) -> bool:
        """Whether an older secret is stored as well. Decrypts nothing."""
        return self._before.__dict__.get("old_client_secret") is not None

    @property
    def six(self) -> list[forms.BoundField]:
        """The fields that everybody fills in."""
        return [self[name] for name in self.SIX]

    @property
    def placeholder_fields(self) -> list[forms.BoundField]:
        """A field for each part of the addresses that is filled in."""
        return [self[PREFIX + name] for name in self.placeholders]

    @property
    def advanced(self) -> list[ShownSection]:
        """The fields that have a default for any plain provider, by what they are about."""
        return [ShownSection(section.title, [self[name] for name in section.names]) for section in SECTIONS]

    @property
    def advanced_needs_attention(self) -> bool:
        """Whether Advanced is to be open: something in it is wrong, or is not as it is by default."""
        if any(self[name].errors for section in SECTIONS for name in section.names):
            return True
        plain = Connection()
        shown = set(self.ADVANCED) - {"follows_provider"}
        return any(getattr(self.instance, name) != getattr(plain, name) for name in shown) or any(
            self.initial.get(name) not in (None, "", getattr(plain, name)) for name in shown
        )

    @property
    def provider(self) -> providers.Provider | None:
        """Whom the catalogue knows at the Token URL that is typed now."""
        if self.instance.preset:
            return providers.get(self.instance.preset)
        values = {name: self[PREFIX + name].value() or "" for name in self.placeholders}
        return providers.recognize(filled_in(str(self["token_url"].value() or "").strip(), values))

    @property
    def differences(self) -> list[str]:
        """What following that provider changes."""
        return differences(self.provider.dialect) if self.provider else []

    @property
    def secret_was_typed(self) -> bool:
        """Whether a secret was typed that this page, shown again, has lost."""
        shown = self.data or self.initial
        return bool(shown.get("client_secret") or shown.get(TYPED_BEFORE))

    def missing(self) -> Missing:
        """What is usual with that provider and not in the form, once it is valid."""
        return missing(self.provider, self.instance)

    # What is right

    def clean_client_secret(self) -> str:
        secret: str = self.cleaned_data["client_secret"]
        if not secret and self.data.get(TYPED_BEFORE):
            raise ValidationError(ENTER_AGAIN)
        return secret

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self._is_taken(name):
            raise ValidationError(NAME_TAKEN)
        return name

    def clean_scopes(self) -> str:
        return " ".join(self.cleaned_data["scopes"].split())

    def clean_expected_issuer(self) -> str:
        issuer: str = self.cleaned_data["expected_issuer"]
        return clean_issuer(issuer) if issuer else ""

    def clean_test_url(self) -> str:
        url: str = self.cleaned_data["test_url"]
        return clean_endpoint(url) if url else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # What a program does not mention stays as it is; browsers post everything.
        cleaned |= {
            name: self._as_typed(name)
            for name in self.ADVANCED
            if name in cleaned
            and self.fields[name].widget.value_omitted_from_data(self.data, self.files, name)
        }
        self._clean_addresses(cleaned)
        self._clean_secrets(cleaned)
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self._adds_missing:
            self.missing().add_to(self.instance)
        if not (self.has_secret or self.has_old_secret):
            return
        place = newly_sent_by(self._before, self.instance)
        if place and self.has_secret and not self.cleaned_data.get("client_secret"):
            self.add_error(
                "client_secret",
                f"Enter the secret again: it would be sent to another place, because the {place} changed.",
            )
        if place and self.cleaned_data.get("keep_old_secret"):
            self.add_error(
                "keep_old_secret",
                f"It cannot be kept: it would be sent to another place, because the {place} changed.",
            )
        if place and not self.cleaned_data.get("old_client_secret"):
            self.instance.old_client_secret = None

    @property
    def changed_settings(self) -> set[str]:
        """The fields that are other than they were, once the form is valid."""
        plain = (*self.Meta.fields, "placeholders", "address_templates")
        changed = {name for name in plain if getattr(self._before, name) != getattr(self.instance, name)}
        secrets = {name for name in ("client_secret", "old_client_secret") if self._is_new(name)}
        return changed | secrets

    def save_settings(self, *, now: datetime) -> bool:
        """Save what was typed, and let tokens and state follow from what changed.

        False when somebody has taken the name since the form was checked; then the form says so.
        """
        try:
            with transaction.atomic():
                grants.save_settings(self.instance, changed=self.changed_settings, now=now, user=self._user)
        except IntegrityError:
            if self._is_taken(self.instance.name):
                self.add_error("name", NAME_TAKEN)
            elif self.instance._state.adding and Connection.objects.filter(pk=self.instance.pk).exists():
                self.instance.pk = uuid4()
                self.add_error(None, SENT_TWICE)
            else:
                raise
            return False
        return True

    # What a kind of connection does otherwise

    def find_placeholders(self) -> Mapping[str, providers.Placeholder]:
        """The parts of its addresses that are filled in, by their names."""
        return placeholders_in(self._typed_addresses())

    # Inside

    def _typed_addresses(self) -> list[str]:
        return [str(self[name].value() or "").strip() for name in ADDRESSES]

    def _is_for_the_client(self) -> bool:
        return bool(self["grant_type"].value() == GrantType.CLIENT_CREDENTIALS)

    def _as_typed(self, name: str) -> Any:
        return self._before.address_templates.get(name, getattr(self._before, name))

    def _clean_addresses(self, cleaned: dict[str, Any]) -> None:
        """Fill the placeholders in, then look at what would be called."""
        values = {name: cleaned.get(PREFIX + name, "") for name in self.placeholders}
        templates = {}
        for name in ADDRESSES:
            if not (typed := cleaned.get(name)):
                continue
            try:
                needed = names_in(typed)
                if all(values.get(each) for each in needed):
                    cleaned[name] = clean_endpoint(filled_in(typed, values))
            except ValidationError as error:
                self.add_error(name, error)
                continue
            if needed:
                templates[name] = typed
        self.instance.address_templates = templates
        self.instance.placeholders = values

    def _clean_secrets(self, cleaned: dict[str, Any]) -> None:
        stored = self._readable("client_secret")
        if typed := cleaned.get("client_secret"):
            self.instance.client_secret = typed
        if old := cleaned.get("old_client_secret"):
            self.instance.old_client_secret = old
        elif cleaned.get("keep_old_secret") and typed and stored and typed != stored:
            self.instance.old_client_secret = stored
        elif cleaned.get("remove_old_secret"):
            self.instance.old_client_secret = None

    def _readable(self, name: str) -> str | None:
        try:
            secret: str | None = getattr(self._before, name)
        except DecryptionFailed:
            return None
        return secret

    def _is_new(self, name: str) -> bool:
        """Whether the secret is another one. One that cannot be read is replaced, or stays."""
        if self._before.__dict__.get(name) is self.instance.__dict__.get(name):
            return False
        return bool(getattr(self.instance, name) != self._readable(name))

    def _is_taken(self, name: str) -> bool:
        others = self.instance.team.connections.exclude(pk=self.instance.pk)
        return bool(others.filter(name=name).exists())
