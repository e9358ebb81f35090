"""The forms of connections whose addresses are known: from the catalogue, or from a preset of the team."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import Team
from connections import providers
from connections.grants.asking import clients
from connections.models import Connection, GrantType, TeamPreset
from connections.oauth2.dialect import RefreshKind

from .advanced import SECTIONS
from .connection import ADDRESSES, ConnectionForm, ShownSection
from .placeholders import PREFIX, filled_in, names_in, placeholders_in

PRESET_NAME_TAKEN = "Your team has a preset of this name already. Choose another name."
# What may still be set where a server is known, besides name, client and scopes.
_KEPT = (
    "authorization_parameters",
    "has_own_redirect_url",
    "token_parameters",
    "old_client_secret",
    "default_life",
    "expiry_signals",
    "allowed_hosts",
    "test_url",
)
_OF_CLIENT = ("client_id", "client_secret", "keep_old_secret", "remove_old_secret")
_OF_SCOPES = ("scopes", "suggested_scopes")


class PresetForm(ConnectionForm):
    """A connection whose addresses nobody types: they come with the preset, and are filled in."""

    suggested_scopes = forms.MultipleChoiceField(
        label="Often asked for", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self,
        *args: Any,
        addresses: Mapping[str, str],
        suggested: Sequence[str] = (),
        lends_client: bool = False,
        takes_scopes: bool = True,
        **options: Any,
    ) -> None:
        self.addresses = dict.fromkeys(ADDRESSES, "") | dict(addresses)
        self.lends_client = lends_client
        connection: Connection = options["instance"]
        scopes = connection.scopes.split()
        apart = {
            "scopes": " ".join(scope for scope in scopes if scope not in suggested),
            "suggested_scopes": [scope for scope in scopes if scope in suggested],
        }
        options["initial"] = {**apart, **(options.get("initial") or {})}
        super().__init__(*args, **options)
        kept = {"name", *_OF_CLIENT, *_KEPT, *(PREFIX + name for name in self.placeholders)}
        if connection._state.adding or connection.uses_shared_client:
            # It is not known before the first save, and a client that is lent has one already.
            kept.remove("has_own_redirect_url")
        if takes_scopes:
            kept |= {*_OF_SCOPES} if suggested else {"scopes"}
        for name in self.fields.keys() - kept:
            del self.fields[name]
        if takes_scopes and suggested:
            field = self.fields["suggested_scopes"]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = [(scope, scope) for scope in suggested]
        if lends_client:
            self.fields["client_id"].required = False
        self._word_fields()

    def _word_fields(self) -> None:
        """Help that speaks of this provider, not of an example."""
        self.fields["name"].help_text = "How your team will call it."
        blank = " Left blank, the app that is there already is used." if self.lends_client else ""
        self.fields["client_id"].help_text = f"From the provider’s page of your app.{blank}"
        if "scopes" in self.fields:
            self.fields["scopes"].help_text = "What the connection may do, separated by spaces."

    # What a page shows

    @property
    def first(self) -> list[forms.BoundField]:
        """Name and the parts of the addresses."""
        return [self["name"], *self.placeholder_fields]

    @property
    def of_client(self) -> list[forms.BoundField]:
        """Client ID and secret."""
        stored = ("keep_old_secret",) if self.has_secret else ()
        older = ("remove_old_secret",) if self.has_old_secret else ()
        return [self[name] for name in ("client_id", "client_secret", *stored, *older)]

    @property
    def of_scopes(self) -> list[forms.BoundField]:
        """Scopes to type and to tick; none where the provider takes none."""
        return [self[name] for name in _OF_SCOPES if name in self.fields]

    @property
    def advanced(self) -> list[ShownSection]:
        sections = [
            (section.title, [self[name] for name in section.names if name in self.fields])
            for section in SECTIONS
        ]
        return [ShownSection(title, fields) for title, fields in sections if fields]

    @property
    def advanced_needs_attention(self) -> bool:
        plain = Connection()
        return any(
            field.errors or field.initial not in (None, "", getattr(plain, field.name, None))
            for section in self.advanced
            for field in section.fields
        )

    # What is right

    def clean_scopes(self) -> str:
        ticked = self.data.getlist("suggested_scopes") if hasattr(self.data, "getlist") else []
        return " ".join(dict.fromkeys([*super().clean_scopes().split(), *ticked]))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "client_id" in cleaned:
            self.settle_client(cleaned)
        return cleaned

    def settle_client(self, cleaned: dict[str, Any]) -> None:
        """Decide whose client it is: the one that was typed, or none, and then the one that is lent."""
        raise NotImplementedError

    def _typed_addresses(self) -> list[str]:
        return list(self.addresses.values())

    def _clean_addresses(self, cleaned: dict[str, Any]) -> None:
        values = {name: cleaned.get(PREFIX + name, "") for name in self.placeholders}
        for name, template in self.addresses.items():
            setattr(self.instance, name, filled_in(template, values))
        self.instance.placeholders = values


class CatalogueForm(PresetForm):
    """A connection to a provider of the catalogue."""

    def __init__(self, *args: Any, preset: providers.Provider, **options: Any) -> None:
        self.preset = preset
        connection: Connection = options["instance"]
        connection.preset = preset.slug
        if preset.dialect.refresh_kind is RefreshKind.CLIENT:
            connection.grant_type = GrantType.CLIENT_CREDENTIALS
        if connection._state.adding:
            start = {"name": preset.title, "scopes": " ".join(preset.needed_scopes)}
            options["initial"] = {**start, **(options.get("initial") or {})}
        super().__init__(
            *args,
            addresses={name: getattr(preset, name) for name in ADDRESSES if hasattr(preset, name)},
            suggested=preset.suggested_scopes,
            lends_client=preset.slug in clients.shared_presets(),
            takes_scopes=preset.dialect.scope_parameter is not None,
            **options,
        )

    def find_placeholders(self) -> Mapping[str, providers.Placeholder]:
        return {placeholder.name: placeholder for placeholder in self.preset.placeholders}

    def settle_client(self, cleaned: dict[str, Any]) -> None:
        self.instance.uses_shared_client = not cleaned["client_id"]
        if self.instance.uses_shared_client:
            self.instance.client_secret = self.instance.old_client_secret = None
            # The host has registered one address for it.
            self.instance.has_own_redirect_url = False
            if "has_own_redirect_url" in cleaned:
                cleaned["has_own_redirect_url"] = False

    @property
    def changed_settings(self) -> set[str]:
        own = ("uses_shared_client", "preset")
        changed = {name for name in own if getattr(self._before, name) != getattr(self.instance, name)}
        return super().changed_settings | changed


class TeamPresetForm(PresetForm):
    """A new connection from a preset of the team; afterwards it is a custom connection like any other."""

    def __init__(self, *args: Any, preset: TeamPreset, team: Team, **options: Any) -> None:
        self.preset = preset
        connection = preset.new_connection()
        options["initial"] = {"name": preset.name, **(options.get("initial") or {})}
        super().__init__(
            *args,
            addresses=preset.addresses,
            lends_client=preset.has_client,
            team=team,
            instance=connection,
            **options,
        )

    def _clean_addresses(self, cleaned: dict[str, Any]) -> None:
        super()._clean_addresses(cleaned)
        self.instance.address_templates = {
            name: template for name, template in self.addresses.items() if names_in(template)
        }

    @property
    def provider(self) -> providers.Provider | None:
        return providers.recognize(self.addresses["token_url"])

    def find_placeholders(self) -> Mapping[str, providers.Placeholder]:
        return placeholders_in(self.addresses.values())

    def settle_client(self, cleaned: dict[str, Any]) -> None:
        if not cleaned["client_id"]:
            cleaned["client_id"] = self.preset.client_id
            self.instance.client_secret = self.preset.client_secret


class SavePresetForm(forms.Form):
    """Under which name a connection's settings are kept, and whether its client goes with them."""

    name = forms.CharField(label="Name", max_length=100, help_text="How your team will find it.")
    with_client = forms.BooleanField(
        label="With Client ID and Client Secret",
        required=False,
        help_text="Then nobody has to enter them for a new connection, and nobody can read them. Otherwise "
        "each connection asks for its own.",
    )

    def __init__(self, *args: Any, team: Team, **options: Any) -> None:
        super().__init__(*args, **options)
        self.team = team

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if TeamPreset.objects.filter(team=self.team, name=name).exists():
            raise ValidationError(PRESET_NAME_TAKEN)
        return name
