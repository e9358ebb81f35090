"""The tab Authorization: how a request proves who sends it. A secret that is stored is never shown."""

import re
from typing import Any

from django import forms
from django.utils.html import format_html

from connections.forms import origin
from requests_builder import rendering, runs, variables
from requests_builder.models import ApiKeyPlace, AuthorizationKind, DecryptionFailed, SavedRequest

_REFERENCE = "It is <code>{}</code>. Leave this blank to keep it."


def write_only(label: str, help_text: str) -> forms.CharField:
    """A field for a secret: never rendered, blank means keep."""
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(
        label=label, required=False, strip=True, max_length=20_000, widget=widget, help_text=help_text
    )


class AuthorizationFields(forms.Form):
    """The fields of a saved request that hold a credential, and what becomes of it."""

    instance: SavedRequest
    lets_undefined: bool

    bearer_token = write_only("Bearer token", "Without the word Bearer.")
    password = write_only("Password", "May be left empty, if the API wants a user name only.")
    api_key_value = write_only("Value", "The key itself. It is stored encrypted and never shown again.")

    _SECRET_OF_KIND = {
        AuthorizationKind.BEARER: "bearer_token",
        AuthorizationKind.BASIC: "password",
        AuthorizationKind.API_KEY: "api_key_value",
    }

    def remember_secret(self, stored: SavedRequest) -> None:
        """Take note of the secret that is stored and where it goes, before anything typed gets there."""
        self._stored_secret = self._read_secret() if stored.has_secret else None
        self._stored_kind = stored.authorization_kind if stored.has_secret else ""
        self._stored_url = stored.secret_origin or stored.url
        for name in ("bearer_token", "password", "api_key_value"):
            if self._SECRET_OF_KIND.get(AuthorizationKind(self._stored_kind or "none")) == name:
                where = "From the imported file" if stored._state.adding else "Stored"
                self.fields[name].help_text = f"{where}. Leave this blank to keep it; it is never shown."
                if self._stored_secret and variables.is_reference(self._stored_secret):
                    self.fields[name].help_text = format_html(_REFERENCE, self._stored_secret)

    @property
    def has_another_secret(self) -> bool:
        """Whether the secret is other than the stored one, once the form is valid."""
        return bool(self.instance.secret != self._stored_secret)

    def clean_authorization_kind(self) -> str:
        return self.cleaned_data["authorization_kind"] or AuthorizationKind.NONE

    def clean_bearer_token(self) -> str:
        # Documentation shows the whole header, and people paste what they see.
        return re.sub(r"(?i)^bearer\s+", "", self.cleaned_data["bearer_token"])

    def clean_api_key_place(self) -> str:
        return self.cleaned_data["api_key_place"] or ApiKeyPlace.HEADER

    def authorization_of(self, cleaned: dict[str, Any]) -> rendering.Authorization:
        """The credential to render with; the secret goes to the instance, typed or kept."""
        kind = AuthorizationKind(cleaned.get("authorization_kind", AuthorizationKind.NONE))
        destination = self._destination(cleaned.get("url", self._stored_url))
        secret = self._clean_secret(kind, cleaned, destination)
        self.instance.secret = secret
        # With a fixed host, or with nothing but variables in it, the secret needs no binding of its own.
        is_bound = (
            bool(secret) and destination != cleaned.get("url") and not variables.is_reference(secret or "")
        )
        self.instance.secret_origin = "://".join(origin(destination)) if is_bound else ""
        if kind != AuthorizationKind.OAUTH:
            cleaned["connection"] = None
        match kind:
            case AuthorizationKind.BEARER if secret:
                return rendering.Bearer(secret)
            case AuthorizationKind.BASIC:
                return rendering.Basic(cleaned.get("username", ""), secret or "")
            case AuthorizationKind.API_KEY if secret:
                place = rendering.Place(cleaned.get("api_key_place", ApiKeyPlace.HEADER))
                return rendering.ApiKey(place, cleaned.get("api_key_name", ""), secret)
            case AuthorizationKind.OAUTH:
                if connection := cleaned.get("connection"):
                    return runs.stand_in_token(connection)
                if "connection" not in self.errors:
                    self.add_error("connection", "Choose a connection, or make one with New.")
        return rendering.NoAuthorization()

    def _may_keep_secret(self, url: str) -> bool:
        """Whether it may go to this address: the host it was stored for, or anywhere from one's own file.

        A variable in its place has hosts of its own.
        """
        is_bound = not variables.is_reference(self._stored_secret or "")
        return not is_bound or self.instance._state.adding or origin(url) == origin(self._stored_url)

    def _read_secret(self) -> str | None:
        try:
            secret: str | None = self.instance.secret
        except DecryptionFailed:
            return None
        return secret

    def _destination(self, url: str) -> str:
        """The address that a URL leads to, with the variables of its host filled in."""
        template = rendering.RequestTemplate("GET", url)
        if not variables.has_any(template):
            return url
        result = runs.foreseen(template, self.instance, None, lets_undefined=self.lets_undefined)
        return url if result.problems else result.template.url

    def _clean_secret(self, kind: AuthorizationKind, cleaned: dict[str, Any], destination: str) -> str | None:
        field = self._SECRET_OF_KIND.get(kind)
        if field is None:
            return None
        if typed := cleaned.get(field):
            return str(typed)
        if kind == self._stored_kind:
            if self._stored_secret is None:
                self.add_error(field, "Enter it again: the stored one cannot be read any more.")
            elif self._may_keep_secret(destination):
                return self._stored_secret
            else:
                self.add_error(
                    field, "Enter it again: the address changed, and it would be sent to another host."
                )
        elif kind != AuthorizationKind.BASIC:
            self.add_error(field, f"Enter the {str(self.fields[field].label).lower()}, or choose None.")
        return ""
