"""Response Field Mapping: what a path and a mapping make of the answer of the last Run, as they are typed."""

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import mapping, records, samples
from requests_builder.forms import MappingTrialForm
from requests_builder.templatetags.answers import cell

MAX_SHOWN_CHARACTERS = 60
MAX_FIRST_CHARACTERS = 4_000
# More are chosen among, but not shown side by side.
MAX_SHOWN_COLUMNS = 100


@require_POST
@member_required(Role.EDITOR)
def request_mapping(request: TeamRequest) -> HttpResponse:
    """The columns that can be chosen and the rows that come of them; nothing is sent and nothing saved."""
    form = MappingTrialForm(request.POST)
    trial = None
    if form.is_valid():
        typed = form.cleaned_data
        sample = samples.find(request.team, request.user, typed["sample"], now=timezone.now())
        if sample:
            trial = _tried(sample, typed)
    context: dict[str, Any] = {"trial": trial}
    if trial:
        columns = list(dict.fromkeys(name for row in trial.rows for name in row))
        context |= {
            "state": _state(trial),
            "columns": columns[:MAX_SHOWN_COLUMNS],
            "column_count": len(columns),
            "first": _first(trial.first),
        }
    return render(request, "requests_builder/builder/mapping_trial.html", context)


def _tried(sample: samples.Sample, typed: dict[str, Any]) -> mapping.Trial:
    try:
        document = samples.document_of(sample)
    except records.UnreadableAnswer as unreadable:
        return mapping.Trial(problem=unreadable.sentence)
    path, config = typed["records_path"].strip(), typed["mapping"] or {}
    return mapping.tried(document, path, config, accepts=typed["accepts"], anew=typed["anew"])


def _state(trial: mapping.Trial) -> str:
    """What the page's script works with, as JSON: the mapping, and what is known of each column."""
    columns = [
        mapping.to_entry(choice.column)
        | {
            "samples": [_shown(value) for value in choice.samples],
            "array": choice.is_array,
            "here": choice.is_here,
            "misfits": choice.misfits,
        }
        for choice in trial.choices
    ]
    return json.dumps({"columns": columns, "mapping": mapping.to_config(trial.mapping)}, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = cell({"value": value}, "value")
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[: MAX_SHOWN_CHARACTERS - 1]}…"


def _first(record: Any) -> str:
    text = json.dumps(record, indent=2, ensure_ascii=False) if record is not None else ""
    return text if len(text) <= MAX_FIRST_CHARACTERS else f"{text[:MAX_FIRST_CHARACTERS]}\n…"
