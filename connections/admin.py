"""What the host of the product may look at and lend: states, owners, clients; never a secret."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from connections import providers
from connections.grants.asking.clients import is_shareable
from connections.models import Connection, SharedClient


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Connections of all teams, to look at: only the team changes them."""

    list_display = ("name", "team", "state", "state_changed_at")
    list_filter = ("state",)
    list_select_related = ("team",)
    search_fields = ("name", "team__name", "token_url")
    fields = (
        "id",
        "team",
        "name",
        "authorization_url",
        "token_url",
        "state",
        "state_reason",
        "provider_text",
        "state_changed_at",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return False


class SharedClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """A client at one of the providers. Its secret is write-only: left blank, it stays as it is."""

    new_secret = forms.CharField(
        label="Client Secret",
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Stored encrypted and never shown. Left blank, a stored one stays.",
    )

    class Meta:
        model = SharedClient
        fields = ["preset", "client_id"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = [each for each in providers.catalogue().values() if is_shareable(each)]
        choices = [("", "Choose…"), *sorted((each.slug, f"{each.title} ({each.slug})") for each in known)]
        self.fields["preset"] = forms.ChoiceField(
            label="Preset",
            choices=choices,
            help_text="Register <BASE_URL>/oauth/callback/(what stands in brackets) as its redirect URL.",
        )

    def save(self, commit: bool = True) -> SharedClient:
        if secret := self.cleaned_data["new_secret"]:
            self.instance.client_secret = secret
        saved: SharedClient = super().save(commit)
        return saved


@admin.register(SharedClient)
class SharedClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Clients of the host's own, for all teams to connect with."""

    form = SharedClientForm
    list_display = ("preset", "client_id", "updated_at")
    fields = ("preset", "client_id", "new_secret")
