"""The rows of a table, as a page of it shows them.

Written here and not in a template, where each of a page's thousands of cells would cost ten times as much.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from accounts.templatetags.face import exact
from requests_builder.mapping import ColumnType
from requests_builder.tables.ordering import as_words
from requests_builder.tables.reading import ShownRow

register = template.Library()

LONGEST = 200
_TIMES = (ColumnType.DATE, ColumnType.DATETIME)
_LINK = re.compile(r"https?://[^\s\"'<>\\]{1,2000}", re.IGNORECASE)
_ICONS: Mapping[str, str] = {
    "text": "type",
    "number": "hash",
    "integer": "hash",
    "boolean": "square-check",
    "date": "calendar",
    "datetime": "clock",
    "json": "braces",
}
_WORDS: Mapping[str, str] = {
    "boolean": "true/false",
    "datetime": "date and time",
    "json": "JSON",
    "": "no values yet",
}


@register.filter
def type_icon(type_: str) -> str:
    """The drawing that stands for a type of columns."""
    return _ICONS.get(type_, "type")


@register.filter
def type_word(type_: str) -> str:
    """The type of a column in words."""
    return _WORDS.get(type_, type_)


@register.filter
def is_nested(value: Any) -> bool:
    """Whether it is shown as a document."""
    return isinstance(value, dict | list)


@register.filter
def shown_value(value: Any, type_: str) -> SafeString:
    """A value whole: a link where it is one, a moment in the reader's zone."""
    return mark_safe(_shown(value, type_, None))  # noqa: S308 - escaped


@register.simple_tag
def grid_rows(rows: Sequence[ShownRow], columns: Sequence[str], types: Mapping[str, str]) -> SafeString:
    """The rows as HTML, each with a link to all of it."""
    typed = [(column, types.get(column, "")) for column in columns]
    lines = (
        f'<tr><td class="grid-open"><a href="rows/{row.id}/" data-row aria-label="Open row {row.id}">'
        '<svg class="icon" aria-hidden="true"><use href="#open-row"/></svg></a></td>'
        + "".join([_cell(row.data.get(column), type_) for column, type_ in typed])
        + "</tr>"
        for row in rows
    )
    return mark_safe("\n".join(lines))  # noqa: S308 - each value is escaped


def _cell(value: Any, type_: str) -> str:
    if type(value) is int or type(value) is float:
        return f'<td class="num">{value}</td>'
    return f"<td>{_shown(value, type_, LONGEST)}</td>"


def _shown(value: Any, type_: str, longest: int | None) -> str:
    if value is None:
        return ""
    if type_ in _TIMES and isinstance(value, str) and (time := _time(value, type_)):
        return time
    text = as_words(value)
    is_cut = longest is not None and len(text) > longest
    shown = escape(text[:longest]) + "…" if is_cut else escape(text)
    if text[:4].lower() == "http" and _LINK.fullmatch(text):
        return f'<a href="{escape(text)}" target="_blank" rel="noopener noreferrer nofollow">{shown}</a>'
    return shown


def _time(value: str, type_: str) -> str:
    """A date in words; a moment, too, and a script turns it into the reader's zone."""
    try:
        if type_ == ColumnType.DATE:
            day = date.fromisoformat(value)
            return f'<time datetime="{escape(value)}">{day.day} {day:%b %Y}</time>'
        words = exact(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        return ""
    return f'<time datetime="{escape(value)}" title="{words}" data-local="exact">{words}</time>'
