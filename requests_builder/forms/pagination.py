"""Pagination: how a request asks for what did not fit into the first answer, and where it ends."""

from collections.abc import Mapping
from typing import Any

from django import forms

from requests_builder import pagination
from requests_builder.models import SavedRequest

PAGINATION_LABELS = {
    "none": "None",
    "page": "Page Parameter",
    "offset": "Offset & Limit",
    "cursor": "Cursor",
    "next_url": "Next URL",
    "link_header": "Link header",
    "page_body": "Page in body",
    "offset_body": "Offset in body",
    "cursor_body": "Cursor in body",
}
# What the keys of each kind are called here. The rules for the end have fields that all kinds share.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "page": {"parameter": "page_parameter", "start": "page_start"},
    "page_body": {"path": "page_body_path", "start": "page_start"},
    "offset": {
        "parameter": "offset_parameter",
        "limit_parameter": "limit_parameter",
        "limit": "offset_limit",
        "start": "offset_start",
        "advance": "offset_advance",
    },
    "offset_body": {
        "path": "offset_body_path",
        "limit_path": "limit_body_path",
        "limit": "offset_limit",
        "start": "offset_start",
        "advance": "offset_advance",
    },
    "cursor": {
        "source": "cursor_source",
        "path": "cursor_path",
        "place": "cursor_place",
        "parameter": "cursor_parameter",
    },
    "cursor_body": {"source": "cursor_source", "path": "cursor_path", "body_path": "cursor_body_path"},
    "next_url": {"path": "next_url_path"},
    "link_header": {},
}
# The rules that a field of its own belongs to, and the field.
_FIELD_OF_RULE = {
    "page_size": "page_full_size",
    "total_pages": "page_total_path",
    "total": "record_total_path",
    "has_more": "has_more_path",
    "is_last": "is_last_path",
}
_REQUIRED = {"next_url_path", "cursor_path"}
_MISSING = {
    "next_url_path": "Enter where the answer holds the next address.",
    "cursor_path": "Enter where the cursor is, for example meta.next_cursor.",
    "page_total_path": "Enter where the answer says how many pages there are, or choose another end.",
    "record_total_path": "Enter where the answer says how many records there are, or choose another end.",
    "has_more_path": "Enter where the answer says whether there is more, or choose another end.",
    "is_last_path": "Enter where the answer says that it is the last, or choose another end.",
    "page_full_size": "Enter how many records a full page has, or choose another end.",
    "pagination_pages": "Enter how many pages are wanted, or choose All pages.",
}


def _path(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=500,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )


def _name(label: str, help_text: str, initial: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        initial=initial,
        required=False,
        max_length=200,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class PaginationFields(forms.Form):
    """The fields of a saved request that say how to go on."""

    instance: SavedRequest

    pagination_kind = forms.ChoiceField(
        label="Pagination", required=False, choices=list(PAGINATION_LABELS.items())
    )
    page_parameter = _name("Page Parameter", "The query parameter that counts the pages, for example page.")
    page_body_path = _name(
        "Place of the page in the body",
        "Where the body counts the pages: keys with dots, for example query.page, or a form's field.",
    )
    page_start = forms.IntegerField(
        label="First page", required=False, min_value=0, help_text="The number of the first page: 1 or 0."
    )
    offset_parameter = _name(
        "Offset parameter", "The query parameter that skips records, for example offset.", "offset"
    )
    offset_body_path = _name(
        "Place of the offset in the body", "Keys with dots, for example query.offset, or a form's field."
    )
    limit_parameter = _name(
        "Limit parameter", "The query parameter for the size of a page. Empty: none is sent.", "limit"
    )
    limit_body_path = _name("Place of the limit in the body", "Empty: none is sent.")
    offset_limit = forms.IntegerField(
        label="Limit",
        required=False,
        min_value=1,
        initial=100,
        help_text="Records of a page, for example 100.",
    )
    offset_start = forms.IntegerField(
        label="First offset", required=False, min_value=0, help_text="0, or 1 where an API counts from 1."
    )
    offset_advance = forms.ChoiceField(
        label="Advance by",
        required=False,
        choices=[("records", "the records that came"), ("limit", "the limit")],
        help_text="The records that came are right also where an API sends fewer than it is asked for.",
    )
    cursor_source = forms.ChoiceField(
        label="Cursor from",
        required=False,
        choices=[
            ("answer", "the answer"),
            ("header", "a header of the answer"),
            ("last_record", "a field of the last record"),
        ],
    )
    cursor_path = _path(
        "Path to the cursor",
        "Where the cursor is, for example meta.next_cursor; or the name of the header or field.",
    )
    cursor_place = forms.ChoiceField(
        label="Send it as",
        required=False,
        choices=[("query", "a query parameter"), ("header", "a header")],
    )
    cursor_parameter = _name(
        "Cursor parameter", "The parameter or header that takes the cursor, for example cursor.", "cursor"
    )
    cursor_body_path = _name(
        "Place of the cursor in the body", "Keys with dots, for example variables.after, or a form's field."
    )
    next_url_path = _path(
        "Next URL", "Where the answer holds the address of the next page, for example links.next."
    )
    pagination_end = forms.ChoiceField(
        label="Ends",
        required=False,
        choices=[
            ("", "by itself: no records, no cursor, no next URL"),
            ("has_more", "when a flag says there is no more"),
            ("is_last", "when a flag says it is the last page"),
            ("total", "when all records of a total have come"),
            ("total_pages", "after a number of pages that the answer tells"),
            ("page_size", "when a page is not full"),
        ],
    )
    has_more_path = _path("Path to “there is more”", "True while there is more, for example has_more.")
    is_last_path = _path("Path to “it is the last”", "True on the last page, for example isLast.")
    record_total_path = _path(
        "Number of records", "Where the answer says how many records there are, for example meta.total."
    )
    page_total_path = _path(
        "Number of pages", "Where the answer says how many pages there are, for example meta.total_pages."
    )
    page_full_size = forms.IntegerField(
        label="Records of a full page",
        required=False,
        min_value=1,
        help_text="Only for APIs that never leave out records of a page: one with fewer ends the pull.",
    )
    pagination_extent = forms.ChoiceField(
        label="Pages", required=False, choices=[("all", "All pages"), ("some", "A number of pages")]
    )
    pagination_pages = forms.IntegerField(label="Number of pages to pull", required=False, min_value=1)

    def pagination_of(self, cleaned: dict[str, Any]) -> dict[str, str | int]:
        """How the answers continue, as the models keep it; it goes to the instance, too."""
        kind = cleaned.get("pagination_kind") or "none"
        config: dict[str, str | int] = {"kind": kind}
        if kind == "none":
            self.instance.pagination = config
            return config
        names = dict(_FIELDS.get(kind, {}))
        if end := cleaned.get("pagination_end"):
            names[end] = _FIELD_OF_RULE[end]
            self._require(cleaned, _FIELD_OF_RULE[end])
        if cleaned.get("pagination_extent") == "some":
            names["pages"] = "pagination_pages"
            self._require(cleaned, "pagination_pages")
        for name in sorted(_REQUIRED.intersection(names.values())):
            self._require(cleaned, name)
        for key, name in names.items():
            # An empty limit parameter means that none is sent; other empty fields, what is usual.
            if cleaned.get(name) not in (None, "") or key in ("limit_parameter", "limit_path"):
                config[key] = cleaned.get(name) or ("" if key.startswith("limit_") else 0)
        if not any(name in self.errors for name in names.values()):
            try:
                config = pagination.to_config(pagination.from_config(config))
            except pagination.InvalidPagination as invalid:
                self.add_error(names.get(invalid.field, "pagination_kind"), str(invalid))
        self.instance.pagination = config
        return config

    def _require(self, cleaned: Mapping[str, Any], name: str) -> None:
        if cleaned.get(name) in (None, "") and name not in self.errors:
            self.add_error(name, _MISSING[name])


def pagination_as_typed(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields show for pagination that is stored: every field of its kind, and of its end."""
    kind = config.get("kind", "none")
    values = {**pagination.defaults_of(kind), **config}
    typed: dict[str, Any] = {name: values[key] for key, name in _FIELDS[kind].items()}
    for name in _REQUIRED & typed.keys():
        # Every API has a place of its own for these: what is usual must not be taken in silence.
        typed[name] = config.get("path", "")
    end = next((rule for rule in _FIELD_OF_RULE if config.get(rule)), "")
    if end:
        typed[_FIELD_OF_RULE[end]] = config[end]
    if pages := config.get("pages", 0):
        typed["pagination_pages"] = pages
    extent = "some" if pages else "all"
    return typed | {"pagination_kind": kind, "pagination_end": end, "pagination_extent": extent}


def pagination_keys() -> dict[str, str]:
    """What each field is called in a mapping; of those with several names, one."""
    keys = {name: key for names in _FIELDS.values() for key, name in names.items()}
    rules = {name: rule for rule, name in _FIELD_OF_RULE.items()}
    return keys | rules | {"pagination_pages": "pages", "pagination_kind": "kind"}
