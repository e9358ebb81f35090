"""The answer of a Run in the builder: what the page shows of it, its tree, its body, its progress."""

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import reading, records, runs, samples, trees, tries

# A body is somebody else's: whatever it is, nothing in it may run at our address.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
SVG = "image/svg+xml"
# Of more, a page would be slow to draw and nobody would find the last.
MAX_SHOWN_COLUMNS = 100
_ENDINGS = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/xml": "xml",
    "application/zip": "zip",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    SVG: "svg",
}
_ENDINGS_OF_KINDS = {
    reading.Kind.JSON: "json",
    reading.Kind.NDJSON: "ndjson",
    reading.Kind.CSV: "csv",
    reading.Kind.XML: "xml",
    reading.Kind.RSS: "xml",
    reading.Kind.ATOM: "xml",
    reading.Kind.HTML: "html",
    reading.Kind.TEXT: "txt",
}


@require_GET
@member_required(Role.EDITOR)
def answer_branch(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """What is in one node of an answer, some values at a time: `at` is a JSON list of keys and positions."""
    sample = _sample(request, uuid)
    try:
        document = samples.document_of(sample)
        steps, start = json.loads(request.GET.get("at", "[]")), int(request.GET.get("from", "0"))
        branch = trees.branch(document, _checked(steps), start)
    except reading.UnreadableAnswer as unreadable:
        return HttpResponse(format_html('<li class="text-muted">{}</li>', unreadable.sentence))
    except (ValueError, LookupError, RecursionError):
        raise Http404("The answer has nothing there.") from None
    context = {"branch": branch, "sample_id": sample.id}
    return render(request, "requests_builder/answer/branch.html", context)


@require_GET
@member_required(Role.EDITOR)
def answer_body(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """The body of an answer, as a file to keep; `?as=picture`: a picture to look at in a page."""
    sample = _sample(request, uuid)
    media_type = picture_of(sample.body, sample.media_type)
    if request.GET.get("as") == "picture":
        if not media_type:
            raise Http404("The answer is no picture.")
        # A page draws it all the same; opened by itself, it is kept and does not run.
        place = "attachment" if media_type == SVG else "inline"
    else:
        media_type, place = media_type or "application/octet-stream", "attachment"
    response = HttpResponse(sample.body, content_type=media_type)
    response["Content-Disposition"] = f'{place}; filename="{_file_name(sample)}"'
    response["Content-Security-Policy"] = _POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@require_GET
@member_required(Role.EDITOR)
def try_progress(request: TeamRequest) -> HttpResponse:
    """How many bytes of an answer have come; nothing while that is not known."""
    received = tries.received(request.team, request.user, request.GET.get("try", ""))
    if received is None:
        return HttpResponse(status=204)
    return HttpResponse(str(received), content_type="text/plain")


@require_POST
@member_required(Role.EDITOR)
def try_cancel(request: TeamRequest) -> HttpResponse:
    """Have a call of one's own end soon; one that is over stays as it is."""
    tries.cancel(request.team, request.user, request.POST.get("try", ""), now=timezone.now())
    return HttpResponse(status=204)


def kept(request: TeamRequest, preview: runs.Preview) -> UUID | None:
    """The id under which the answer is found again while somebody works with it."""
    if preview.status is None:
        return None
    assert preview.sent is not None
    return samples.keep(
        request.team,
        request.user,
        url=preview.sent.url,
        status=preview.status,
        headers=preview.headers,
        body=preview.body,
        now=timezone.now(),
    )


def answer_context(preview: runs.Preview, records_path: str) -> dict[str, Any]:
    """What the answer's part of the page shows. Without a path yet, the likeliest one is tried on."""
    path, rows, count = records_path, preview.records, preview.record_count
    if not path and preview.has_document and preview.suggested_paths:
        path = preview.suggested_paths[0][0]
        found = records.records_at(preview.document, path)
        rows, count = tuple(found[: runs.MAX_SHOWN_RECORDS]), len(found)
    # Also of records that have too many fields to be stored: whoever looks should see which.
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {
        "preview": preview,
        "records_path": path,
        "is_path_suggested": path != records_path,
        "records": rows,
        "record_count": count,
        "columns": columns[:MAX_SHOWN_COLUMNS],
        "column_count": len(columns),
        "mender": preview.problem.mender.label if preview.problem else "",
        "branch": trees.branch(preview.document) if isinstance(preview.document, dict | list) else None,
        "picture": picture_of(preview.body, preview.media_type),
        "kept_bytes": min(preview.size, samples.MAX_BYTES),
    }


def picture_of(body: bytes, media_type: str) -> str:
    """The media type of a body that a page can draw; empty if it is no picture."""
    if picture := reading.picture_type(body):
        return picture
    return SVG if media_type == SVG and b"<svg" in body[:5_000] else ""


def _sample(request: TeamRequest, uuid: UUID) -> samples.Sample:
    sample = samples.find(request.team, request.user, uuid, now=timezone.now())
    if sample is None:
        raise Http404("This answer is not kept any longer. Press Run again.")
    return sample


def _checked(steps: object) -> list[trees.Step]:
    if not isinstance(steps, list) or not all(type(step) in (str, int) for step in steps):
        raise LookupError(steps)
    return steps


def _file_name(sample: samples.Sample) -> str:
    """A name of our own making: what the API calls it could lead anywhere."""
    ending = _ENDINGS.get(reading.picture_type(sample.body) or sample.media_type)
    if ending is None:
        try:
            kind = reading.read(sample.body, sample.content_type).kind
        except reading.UnreadableAnswer as unreadable:
            kind = unreadable.kind
        ending = _ENDINGS_OF_KINDS.get(kind, "bin")
    return f"answer.{ending}"
