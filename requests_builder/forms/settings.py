"""The tab Settings: how much of an answer is read, and how often a page is tried."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from requests_builder.models import SavedRequest

MAX_RETRIES = 10
RETRIES = 4


class SettingsFields(forms.Form):
    """The fields of a saved request that bound what one page may cost."""

    instance: SavedRequest

    max_response_mb = forms.IntegerField(label="Largest response in MB", required=False)
    retries = forms.IntegerField(
        label="Retries",
        required=False,
        help_text="How often a run asks for a page again when the other side fails or wants to wait: from 0 "
        f"to {MAX_RETRIES} times, after longer and longer pauses.",
    )

    SETTINGS = ("max_response_mb", "retries")

    def show_settings(self, stored: SavedRequest) -> None:
        """Fill the fields with what is stored."""
        self.initial.update({name: getattr(stored, name) for name in self.SETTINGS})
        self.fields[
            "max_response_mb"
        ].help_text = f"A page that is larger fails the run. From 1 to {_most_mb()}. Empty: {_most_mb()}."

    def clean_max_response_mb(self) -> int | None:
        megabytes: int | None = self.cleaned_data["max_response_mb"]
        if megabytes is not None and not 1 <= megabytes <= _most_mb():
            raise ValidationError(
                f"A response may have from 1 to {_most_mb()} MB. Whoever hosts this product can raise that."
            )
        return megabytes

    def clean_retries(self) -> int:
        typed: int | None = self.cleaned_data["retries"]
        retries = RETRIES if typed is None else typed
        if not 0 <= retries <= MAX_RETRIES:
            raise ValidationError(f"A page may be tried again from 0 to {MAX_RETRIES} times.")
        return retries

    def take_settings(self, cleaned: dict[str, Any]) -> None:
        """What was typed goes to the instance."""
        for name in self.SETTINGS:
            if name in cleaned:
                setattr(self.instance, name, cleaned[name])


def _most_mb() -> int:
    return max(int(settings.RUN_MAX_PAGE_BYTES) // 2**20, 1)
