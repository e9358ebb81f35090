"""Pagination in the builder: what is suggested, and what a path leads to while it is typed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import pagination, reading, records, rendering, samples
from requests_builder.forms import PAGINATION_LABELS, pagination_as_typed


@require_POST
@member_required(Role.EDITOR)
def pagination_check(request: TeamRequest) -> HttpResponse:
    """What a path leads to in the answer of the last Run; empty without one. Nothing is sent."""
    role, path = request.POST.get("role", ""), request.POST.get("path", "")
    sample = samples.find(request.team, request.user, request.POST.get("sample"), now=timezone.now())
    found = None
    if sample and role in pagination.ROLES and (path.strip() or role == "link_header"):
        found = _checked(sample, role, path, request.POST.get("records_path", ""))
    return render(request, "requests_builder/builder/pagination_check.html", {"check": found})


def _checked(sample: samples.Sample, role: str, path: str, records_path: str) -> pagination.Check:
    try:
        document = samples.document_of(sample)
    except reading.UnreadableAnswer as unreadable:
        return pagination.Check(False, unreadable.sentence)
    found: list[Any] = []
    # A path to the records that is wrong has its sentence elsewhere.
    with suppress(records.InvalidPath, reading.UnreadableAnswer):
        found = records.records_at(document, records_path)
    asked = rendering.RenderedRequest("GET", sample.url)
    return pagination.check(role, path, pagination.Page(asked, document, found, headers=sample.headers))


def suggestion_context(suggestion: pagination.Suggestion | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What answer/pagination.html shows; nothing if nothing is suggested, or this kind is chosen already."""
    if suggestion is None or not suggestion.is_one or suggestion.pagination.kind == chosen.get("kind"):
        return {}
    config = pagination.to_config(suggestion.pagination)
    return {
        "suggestion": suggestion,
        "suggested_fields": json.dumps(pagination_as_typed(config)),
        "suggested_label": PAGINATION_LABELS[suggestion.pagination.kind],
    }
