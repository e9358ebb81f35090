"""The form that a file of requests comes in by."""

from typing import Any

from django import forms

from requests_builder import importing


class ImportForm(forms.Form):
    """A file, or its text. Once valid, `contents` is what is in it.

    `length`: that of the whole request. A file that is too large was dropped while it arrived.
    """

    file = forms.FileField(
        label="File",
        required=False,
        allow_empty_file=True,
        help_text=f"JSON or YAML, up to {importing.MAX_BYTES // 2**20} MB.",
        widget=forms.FileInput(attrs={"accept": ".json,.har,.yaml,.yml,.txt,application/json"}),
    )
    text = forms.CharField(
        label="Or its text",
        required=False,
        strip=False,
        help_text="Of such a file, or a cURL command.",
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "class": "mono", "autocomplete": "off"}
        ),
    )

    def __init__(self, *args: Any, length: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        self.length = length

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        file, text = cleaned.get("file"), cleaned.get("text", "")
        field = "text" if text.strip() and not file else "file"
        try:
            if not file and not text.strip():
                is_large = self.length > importing.MAX_BYTES
                raise importing.Refused(
                    importing.too_large("The file") if is_large else "Choose a file, or paste its text."
                )
            self.contents = importing.parse_any(importing.text_of(file.read()) if file else text)
        except importing.Refused as refusal:
            self.add_error(field, str(refusal))
        return cleaned
