"""The tab Body: what a request carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from requests_builder import rendering
from requests_builder.models import BodyKind, DecryptionFailed, SavedRequest

from .pairs import PairsField, PairsWidget

MAX_FILE_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class BodyRow:
    """A row of a form as it is typed or stored. `key` names its file: the id of a stored one, or any word."""

    name: str
    value: str = ""
    key: str = ""
    filename: str = ""
    size: int = 0
    upload: "UploadedFile[Any] | None" = None


class BodyPairsWidget(PairsWidget):
    """Rows of a name, a value and a file; the template draws them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        if not hasattr(data, "getlist"):
            return super().value_from_datadict(data, files, name)
        pairs = super().value_from_datadict(data, files, name)
        keys = data.getlist(f"{name}-file")
        keys += [""] * (len(pairs) - len(keys))
        return [
            BodyRow(*pair, key, upload=files.get(f"{name}-upload-{key}") if files and key else None)
            for pair, key in zip(pairs, keys, strict=False)
        ]


class BodyPairsField(PairsField):
    """The rows of a form or of a multipart body."""

    widget = BodyPairsWidget

    def clean(self, value: Any) -> list[Any]:
        rows: list[BodyRow] = self.prepare_value(value)
        return [row for row in rows if row.name.strip() or row.value.strip() or row.upload]

    def prepare_value(self, value: Any) -> list[Any]:
        """Rows to draw, of what is stored, posted or in a file."""
        return [_row(each) for each in value or []]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def _row(given: Any) -> BodyRow:
    match given:
        case BodyRow():
            return given
        case {"file": _}:
            return BodyRow(given["name"], "", given["file"], given["filename"], given["size"])
        case {"name": name}:
            return BodyRow(name, str(given.get("value", "")))
        case [name, {"file": filename}]:
            return BodyRow(name, filename=filename)
        case _:
            return BodyRow(given[0], given[1])


class BodyFields(forms.Form):
    """The fields of a saved request that make its body."""

    instance: SavedRequest

    body_pairs = BodyPairsField(label="Rows", required=False)

    def clean_body_kind(self) -> str:
        return self.cleaned_data["body_kind"] or BodyKind.NONE

    def clean_body_pairs(self) -> list[dict[str, Any]]:
        """The rows as they are stored; files that were chosen just now go to the instance."""
        rows: list[BodyRow] = self.cleaned_data["body_pairs"]
        if sum(row.upload.size or 0 for row in rows if row.upload) > MAX_FILE_BYTES:
            raise ValidationError(f"The files are larger than {MAX_FILE_BYTES / 10**6:g} MB together.")
        stored = {row["file"]: row for row in self.instance.body_pairs if "file" in row}
        by_name = {(row["name"], row["filename"]): row for row in stored.values()}
        return [self._stored_row(row, stored, by_name) for row in rows]

    def _stored_row(
        self,
        row: BodyRow,
        stored: Mapping[str, dict[str, Any]],
        by_name: Mapping[tuple[str, str], dict[str, Any]],
    ) -> dict[str, Any]:
        name = row.name.strip()
        if row.upload:
            filename = rendering.safe_filename(row.upload.name or "file")
            media_type = (row.upload.content_type or "application/octet-stream")[:200]
            upload = rendering.Upload(filename, media_type, row.upload.read())
            file_id = str(uuid4())
            self.instance.chosen_files[file_id] = upload
            return {"name": name, "file": file_id, "filename": filename, "size": len(upload.content)}
        if row.key in stored:
            return stored[row.key] | {"name": name}
        if row.filename:
            if kept := by_name.get((name, row.filename)):
                return kept
            raise ValidationError(
                f"The file {row.filename} of “{name[:60]}” is not here. Choose it on the page, under Body."
            )
        return {"name": name, "value": row.value}

    @property
    def body_pair_rows(self) -> list[BodyRow]:
        """The rows of a form body, to draw."""
        rows: list[BodyRow] = self["body_pairs"].value()
        known = {row["file"]: row for row in self.instance.body_pairs if "file" in row}
        return [_row(known[row.key] | {"name": row.name}) if row.key in known else row for row in rows]

    def body_of(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """What a RequestTemplate takes of the body."""
        has_rows = cleaned.get("body_kind") in (BodyKind.FORM, BodyKind.MULTIPART)
        return {
            "body_kind": rendering.BodyKind(cleaned.get("body_kind", BodyKind.NONE)),
            "body": cleaned.get("body", ""),
            "body_parts": self._parts(cleaned.get("body_pairs", [])) if has_rows else (),
            "graphql_variables": cleaned.get("graphql_variables", ""),
            "body_media_type": cleaned.get("body_media_type", ""),
        }

    def _parts(self, rows: list[dict[str, Any]]) -> tuple[rendering.BodyPart, ...]:
        try:
            return self.instance.parts_of(rows)
        except rendering.InvalidRequest as invalid:
            self.add_error("body_pairs", invalid.sentence)
        except DecryptionFailed:
            self.add_error("body_pairs", "A stored file cannot be read any more. Choose it again.")
        return ()
