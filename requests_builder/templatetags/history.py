"""Runs as rows of a table.

Written here and not in a template, where a page of them would cost ten times as much.
"""

from collections.abc import Iterable
from datetime import datetime

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.templatetags.face import duration, exact, relative, state_look
from requests_builder.models import Run, RunState

register = template.Library()
_ICONS: dict[str, str] = {}


@register.simple_tag(takes_context=True)
def run_rows(context: template.Context, runs: Iterable[Run]) -> SafeString:
    """The rows of some runs, each with a link to all of it; `team` is that of the page."""
    somewhere = reverse("requests_builder:run_list", args=[context["team"].slug])
    return mark_safe("\n".join(_row(run, f"{somewhere}{run.pk}/") for run in runs))  # noqa: S308 - escaped


@register.simple_tag
def options(pairs: Iterable[tuple[object, str]], chosen: object) -> SafeString:
    """The choices of a list: values and labels."""
    is_chosen = {False: "", True: mark_safe(" selected")}
    marked = ((value, is_chosen[str(value) == str(chosen)], label) for value, label in pairs)
    return format_html_join("", '<option value="{}"{}>{}</option>', marked)


def _row(run: Run, url: str) -> str:
    until = f" to {_when(run.due_until)}" if run.due_until else ""
    outcome = escape(run.error or run.stop_reason)
    rows = f"{run.rows:,}" if run.state == RunState.SUCCEEDED else "–"
    return (
        f'<tr><td data-label="Due"><a class="row-link" href="{url}">{_when(run.due_at)}{until}</a></td>'
        f'<td data-label="Request">{escape(run.saved_request)}</td>'
        f'<td data-label="State">{_state("waiting" if run.is_waiting or run.is_in_line else run.state)}</td>'
        f'<td data-label="Outcome" class="cell-clip" title="{outcome}">{outcome}</td>'
        f'<td data-label="Rows" class="num">{rows}</td>'
        f'<td data-label="Took" class="num">{duration(run.duration) or "–"}</td></tr>'
    )


def _when(at: datetime) -> str:
    """As components/when.html."""
    return (
        f'<time class="nowrap" datetime="{at.isoformat()}" title="{exact(at)}" data-local="relative">'
        f"{relative(at)}</time>"
    )


def _state(state: str) -> str:
    """As components/state_badge.html."""
    look = state_look(state)
    if look.icon not in _ICONS:
        _ICONS[look.icon] = render_to_string("components/icon.html", {"name": look.icon}).strip()
    return f'<span class="state state-{look.kind}" data-state="{state}">{_ICONS[look.icon]}{look.word}</span>'
