"""The tab Settings: how much of an answer is read, how often and how fast pages are asked for."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from requests_builder import statuses
from requests_builder.models import SavedRequest

MAX_RETRIES = 10
RETRIES = 4
# Requests per second: one every 2,000 seconds, and more than any one worker sends.
LEAST_RATE = Decimal("0.0005")
MOST_RATE = Decimal(1_000)


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

    requests_per_second = forms.DecimalField(
        label="Requests per second",
        required=False,
        help_text="No more go to this host, from all requests of the team with the same connection "
        "together: 2, or 0.5 for one in two seconds. Empty: as many as the API takes. Once it has refused "
        "one for being too many, fewer are sent by themselves.",
    )
    statuses = forms.CharField(
        label="Status codes",
        required=False,
        widget=forms.Textarea(
            attrs={
                "rows": 2,
                "spellcheck": "false",
                "autocomplete": "off",
                "class": "mono",
                "placeholder": "404 empty",
            }
        ),
        help_text="What an answer means by its status, one a line. 404 empty: there are no records. 409 "
        "done: the run ends well, with what came before. 202 failure: it fails. 401 and 403 always fail.",
    )

    SETTINGS = ("max_response_mb", "retries", "requests_per_second", "statuses")

    def show_settings(self, stored: SavedRequest) -> None:
        """Fill the fields with what is stored."""
        self.initial.update({name: getattr(stored, name) for name in self.SETTINGS})
        self.initial["statuses"] = statuses.in_lines(stored.statuses)
        if stored.requests_per_second is not None:
            self.initial["requests_per_second"] = in_digits(stored.requests_per_second)
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

    def clean_requests_per_second(self) -> Decimal | None:
        rate: Decimal | None = self.cleaned_data["requests_per_second"]
        if rate is not None and not LEAST_RATE <= rate <= MOST_RATE:
            raise ValidationError(
                f"Write a number from {LEAST_RATE} to {MOST_RATE:,}, or nothing for no limit of yours."
            )
        return rate if rate is None else round(rate, 4)

    def clean_statuses(self) -> dict[str, str]:
        try:
            return statuses.from_lines(self.cleaned_data["statuses"])
        except statuses.InvalidStatuses as invalid:
            raise ValidationError(str(invalid)) from None

    def take_settings(self, cleaned: dict[str, Any]) -> None:
        """What was typed goes to the instance."""
        for name in self.SETTINGS:
            if name in cleaned:
                setattr(self.instance, name, cleaned[name])


def _most_mb() -> int:
    return max(int(settings.RUN_MAX_PAGE_BYTES) // 2**20, 1)


def in_digits(rate: Decimal) -> str:
    """The number as people write it: 2 and 0.5, without the zeros that the database keeps."""
    return f"{rate:f}".rstrip("0").rstrip(".") if "." in f"{rate:f}" else f"{rate:f}"
