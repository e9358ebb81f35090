"""Response Field Mapping: which fields of a record become which columns."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from requests_builder import mapping

MAX_CHARACTERS = 2_000_000


class MappingField(forms.CharField):
    """A mapping, as JSON in a hidden input that the page's script writes; empty: everything as it comes."""

    widget = forms.HiddenInput

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label="Response Field Mapping", required=False, max_length=MAX_CHARACTERS, strip=True, **options
        )

    def prepare_value(self, value: Any) -> str:
        """What the input holds: what was posted, or the mapping as it is stored."""
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else ""

    def clean(self, value: Any) -> dict[str, Any]:
        """The mapping as it is stored. A team's file gives it as it is, a page as JSON."""
        config = value
        if value is None or isinstance(value, str):
            text = super().clean(value)
            try:
                config = json.loads(text or "{}")
            except ValueError:
                raise ValidationError("The mapping is not JSON. Reload the page and choose again.") from None
        try:
            return mapping.to_config(mapping.from_config(config))
        except mapping.InvalidMapping as invalid:
            raise ValidationError(invalid.sentence) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != self.prepare_value(data)


class MappingTrialForm(forms.Form):
    """A path and a mapping as they stand on the page, to be tried on the answer of the last Run."""

    sample = forms.CharField(required=False, max_length=100)
    records_path = forms.CharField(required=False, max_length=10_000)
    mapping = forms.JSONField(required=False)
    accepts = forms.BooleanField(required=False)
    anew = forms.BooleanField(required=False)
