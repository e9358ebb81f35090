"""How records become rows of a table: which mode, what tells the records apart, which of them are wanted."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from requests_builder import expressions, watermarks
from requests_builder.models import IfEmpty, SavedRequest, WriteMode

MAX_KEY_FIELDS = 10
MAX_LOOK_BACK = timedelta(days=3660)
_DURATION = re.compile(r"([0-9]{1,6})\s*(minutes?|hours?|days?|weeks?)", re.IGNORECASE)
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_UNITS |= {"day": timedelta(days=1), "week": timedelta(weeks=1)}


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


class DurationField(forms.Field):
    """A number and a unit, as in "2 days"; empty: none."""

    def prepare_value(self, value: Any) -> Any:
        return in_units(value) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> timedelta:
        text = str(value or "").strip()
        if not text:
            return timedelta(0)
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValidationError("Write a number and a unit, such as “2 hours” or “3 days”.")
        duration = int(match[1]) * _UNITS[match[2].lower().removesuffix("s")]
        if duration > MAX_LOOK_BACK:
            raise ValidationError("A look-back is at most 3,660 days.")
        return duration


def in_units(duration: timedelta) -> str:
    """As in "2 days", in the largest unit that fits; empty for none."""
    for unit in reversed(_UNITS):
        count, rest = divmod(duration, _UNITS[unit])
        if count and not rest:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return ""


def _plain(label: str, help_text: str, most: int) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"})
    return forms.CharField(label=label, required=False, max_length=most, help_text=help_text, widget=widget)


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
    newest_field = _plain(
        "Response Field",
        "What grows with newer records: a path in the record as it came, for example updated_at, to a date, "
        "a time, a number or a text that sorts. With it, a run takes only what is new.",
        500,
    )
    newest_parameter = _plain(
        "Query Parameter",
        "What the API calls its filter, for example created_after. It is sent with the newest value so far, "
        "from the second run on; for the first you may write it into the URL. With Append it may be empty: "
        "then everything is fetched, and what is newer is added.",
        200,
    )
    look_back = DurationField(
        label="Look-back",
        required=False,
        help_text="Goes back so far from the newest value, for records that come late, for example 2 hours. "
        "Nothing comes twice: it is known by its key or, without key fields, by all that it holds.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "none"}),
    )
    delete_missing = forms.BooleanField(
        label="Delete missing",
        required=False,
        help_text="Rows of this request whose key does not come any more are deleted, after a run that has "
        "read all pages.",
    )
    delete_missing_percent = forms.IntegerField(
        label="Most percent to delete at once",
        required=False,
        min_value=1,
        max_value=100,
        help_text="If more would go, or if no records come at all, nothing is deleted until somebody "
        "confirms it on the page of the run. Up to 9 rows go in any case.",
    )
    if_empty = forms.ChoiceField(label="If no records come", required=False, choices=IfEmpty.choices)

    WRITING = (
        "key_fields",
        "newest_field",
        "newest_parameter",
        "look_back",
        "delete_missing",
        "delete_missing_percent",
        "if_empty",
    )

    def show_writing(self, stored: SavedRequest) -> None:
        """Fill the fields with what is stored."""
        self.initial.update({name: getattr(stored, name) for name in self.WRITING})
        self._newest_field_before = stored.newest_field
        if stored.watermark is not None:
            self.fields["newest_field"].help_text += " Another field forgets the newest value so far."

    @property
    def has_another_newest_field(self) -> bool:
        """Whether the newest value so far is one of another field."""
        return bool(self.instance.newest_field != self._newest_field_before)

    def clean_write_mode(self) -> str:
        return self.cleaned_data["write_mode"] or WriteMode.REPLACE

    def clean_newest_field(self) -> str:
        path: str = self.cleaned_data["newest_field"].strip()
        if path:
            try:
                expressions.compiled(path)
            except expressions.InvalidPath as invalid:
                raise ValidationError(str(invalid)) from None
        return path

    def clean_newest_parameter(self) -> str:
        return str(self.cleaned_data["newest_parameter"]).strip()

    def clean_if_empty(self) -> str:
        return self.cleaned_data["if_empty"] or IfEmpty.REPLACE

    def clean_delete_missing_percent(self) -> int:
        return self.cleaned_data["delete_missing_percent"] or 30

    def check_writing(self, cleaned: dict[str, Any]) -> None:
        """Say what keeps records from becoming rows in this mode; what was typed goes to the instance.

        What the mode has no use for becomes what it is by default.
        """
        mode, stored = cleaned.get("write_mode"), self.instance
        stored.key_fields = cleaned.get("key_fields", [])
        if mode == WriteMode.UPDATE and not stored.key_fields:
            self.add_error(
                "key_fields",
                "Update needs to know which record is which: name the column that tells them apart, for "
                "example id.",
            )
        self._take_new_only(cleaned, is_used=mode != WriteMode.REPLACE)
        is_update = mode == WriteMode.UPDATE
        stored.delete_missing = is_update and bool(cleaned.get("delete_missing"))
        stored.delete_missing_percent = (
            cleaned.get("delete_missing_percent", 30) if stored.delete_missing else 30
        )
        stored.if_empty = (
            cleaned.get("if_empty", IfEmpty.REPLACE) if mode == WriteMode.REPLACE else IfEmpty.REPLACE
        )
        if stored.delete_missing:
            self._check_delete_missing()
        if is_update and stored.newest_field and not stored.newest_parameter:
            self.add_error(
                "newest_parameter",
                "Update compares each record that comes, so a Response Field alone saves nothing: name the "
                "parameter that asks the API for newer records, or leave both empty.",
            )

    def _take_new_only(self, cleaned: dict[str, Any], *, is_used: bool) -> None:
        stored = self.instance
        stored.newest_field = cleaned.get("newest_field", "") if is_used else ""
        stored.newest_parameter = cleaned.get("newest_parameter", "") if is_used else ""
        stored.look_back = cleaned.get("look_back", timedelta(0)) if is_used else timedelta(0)
        if stored.newest_field or "newest_field" in self.errors:
            return
        for name in ("newest_parameter", "look_back"):
            if getattr(stored, name):
                self.add_error(
                    "newest_field",
                    "Name the field of the records whose newest value is meant, for example updated_at.",
                )
                return

    def _check_delete_missing(self) -> None:
        if self.instance.newest_field:
            self.add_error(
                "delete_missing",
                "Only new records are asked for, so those that do not come are not gone. Choose one of the "
                "two.",
            )
        elif self.instance.pagination.get("pages"):
            self.add_error(
                "delete_missing",
                "Only a number of pages is pulled, so rows that do not come are not gone. Pull all pages.",
            )


class WatermarkForm(forms.Form):
    """The newest value so far, set by hand. Empty: the next run takes everything."""

    newest = forms.CharField(
        label="Newest so far",
        required=False,
        max_length=watermarks.MAX_LENGTH,
        help_text="The next run takes what is newer. It is sent as you write it. Empty: everything.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )

    def __init__(self, *args: Any, before: watermarks.Value | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._before = before

    def clean_newest(self) -> watermarks.Value | None:
        typed: str = self.cleaned_data["newest"].strip()
        mark = watermarks.mark_of(typed)
        before = None if self._before is None else watermarks.mark_of(self._before)
        if mark is None:
            return None
        if before is not None and mark.kind != before.kind:
            raise ValidationError(f"That cannot be compared with what came so far, such as {self._before}.")
        # A number in quotation marks would be another thing to an API that sends numbers.
        is_number = before is not None and isinstance(before.value, int | float)
        return mark.order if is_number else typed
