"""How records become rows of a table: which mode, and what tells the records apart."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from requests_builder.models import SavedRequest, WriteMode

MAX_KEY_FIELDS = 10


class KeyFieldsField(forms.Field):
    """Names of columns: typed with commas between them, kept as a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        parts = value if isinstance(value, list) else str(value or "").split(",")
        names = list(dict.fromkeys(name for part in parts if (name := str(part).strip())))
        if len(names) > MAX_KEY_FIELDS:
            raise ValidationError(f"At most {MAX_KEY_FIELDS} columns can make up the key.")
        return names


class WritingFields(forms.Form):
    """The fields of a saved request that say how records become rows."""

    instance: SavedRequest

    key_fields = KeyFieldsField(
        label="Key fields",
        required=False,
        help_text="The columns that tell the records apart, with commas between them, for example id. "
        "Append leaves out records whose key is there already; Update needs one.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "key-columns"}),
    )

    def clean_write_mode(self) -> str:
        return self.cleaned_data["write_mode"] or WriteMode.REPLACE

    def check_writing(self, cleaned: dict[str, Any]) -> None:
        """Say what keeps records from becoming rows in this mode; the key fields go to the instance."""
        self.instance.key_fields = cleaned.get("key_fields", [])
        if cleaned.get("write_mode") == WriteMode.UPDATE and not self.instance.key_fields:
            self.add_error(
                "key_fields",
                "Update needs to know which record is which: name the column that tells them apart, for "
                "example id.",
            )
