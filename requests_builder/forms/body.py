"""The tab Body: what a request carries."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from requests_builder import rendering
from requests_builder.models import BodyKind

from .pairs import Pair, PairsField


class BodyPairsField(PairsField):
    """The rows of a form or of a multipart body, as they are stored: {"name": ..., "value": ...}."""

    def clean(self, value: Sequence[Pair]) -> list[Any]:
        return [{"name": name, "value": text} for name, text in super().clean(value)]

    def prepare_value(self, value: Any) -> list[Pair]:
        """Rows to draw, of what is stored or what was posted."""
        return [
            (row["name"], row.get("value", "")) if isinstance(row, Mapping) else (row[0], row[1])
            for row in value or []
        ]


class BodyFields(forms.Form):
    """The fields of a saved request that make its body."""

    body_pairs = BodyPairsField(label="Rows", required=False)

    def clean_body_kind(self) -> str:
        return self.cleaned_data["body_kind"] or BodyKind.NONE

    @property
    def body_pair_rows(self) -> list[Pair]:
        """The rows of a form body."""
        rows: list[Pair] = self["body_pairs"].value()
        return rows

    @staticmethod
    def body_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """What a RequestTemplate takes of the body."""
        return {
            "body_kind": rendering.BodyKind(cleaned.get("body_kind", BodyKind.NONE)),
            "body": cleaned.get("body", ""),
            "body_parts": tuple(
                rendering.BodyPart(row["name"], row["value"]) for row in cleaned.get("body_pairs", [])
            ),
            "graphql_variables": cleaned.get("graphql_variables", ""),
            "body_media_type": cleaned.get("body_media_type", ""),
        }
