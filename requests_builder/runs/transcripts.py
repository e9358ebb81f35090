"""What a run has sent and received, kept so that people can look at it: secrets masked, and not without end.

Each attempt that fails keeps its last call. Of the runs that succeed one for each request is kept, which is
renewed from time to time: a small pull does not pay for it each time.
"""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from connections import outbound
from requests_builder import masking, reading, records
from requests_builder.masking import PrintedRequest
from requests_builder.models import DecryptionFailed, Run, SavedRequest, Transcript
from requests_builder.rendering import RenderedRequest
from requests_builder.runs.calls import Caller
from requests_builder.runs.previews import Preview

# Bytes of a body that are kept.
MOST_BYTES = 64 * 2**10
# How old the good answer of a request may grow while it goes on to succeed.
RENEWED_AFTER = timedelta(minutes=15)
# Requests of which a process knows when it kept their good answers.
_MOST_REMEMBERED = 20_000
# The longest form of a secret may take so many bytes more: what is cut must not begin with half of one.
_MARGIN = 8 * 2**10
_LONGEST_TEXT = 2_000
# What of a request's settings is not for the eyes of people, or no setting.
_NO_SETTINGS = frozenset(
    {
        "id",
        "team",
        "secret",
        "secret_origin",
        "watermark",
        "version",
        "created_by",
        "created_at",
        "updated_at",
        "host",
    }
)


@dataclass(frozen=True, slots=True)
class Page:
    """One call as it is kept: the request as sent, its answer, and the settings it was made by."""

    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """A transcript as a page shows it. `columns` None: its answer had no records that were read."""

    preview: Preview
    columns: tuple[str, ...] | None
    settings: dict[str, Any]
    version: int | None
    is_cut: bool


class _Memory:
    """Of which requests this process has kept a good answer, under which version, and when.

    Of several processes each keeps one from time to time, which costs less than to ask.
    """

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[int, datetime]] = {}

    def wants(self, saved_request: SavedRequest, now: datetime) -> bool:
        version, at = self._kept.get(saved_request.pk, (None, now))
        return version != saved_request.version or abs(now - at) >= RENEWED_AFTER

    def keep(self, saved_request: SavedRequest, now: datetime) -> None:
        if len(self._kept) >= _MOST_REMEMBERED:
            self._kept.clear()
        self._kept[saved_request.pk] = (saved_request.version, now)

    def forget(self, saved_request: SavedRequest) -> None:
        self._kept.pop(saved_request.pk, None)


_memory = _Memory()
wants_good = _memory.wants


def page_of(caller: Caller, found: list[dict[str, Any]] | None = None) -> Page | None:
    """The last call of the caller, as it may be kept; None if nothing was sent. `found`: its records."""
    if caller.sent is None:
        return None
    sent, secrets = masking.masked(caller.sent, caller.secrets), caller.secrets
    content: dict[str, Any] = {
        "sent": [sent.method, sent.url, sent.headers, sent.body],
        "calls": caller.calls,
        "was_renewed": caller.was_renewed,
        "settings": settings_of(caller.saved_request),
        "version": caller.saved_request.version,
    }
    if found is not None:
        content["columns"] = list(records.columns_of(found))
    if answer := caller.received:
        content["answer"] = _kept(answer, secrets)
    return Page(json.dumps(content))


def keep_good(kept: Iterable[tuple[Run, Page | None, Page | None]], now: datetime) -> None:
    """Keep the last and the first page of runs that succeed, in place of those of earlier ones.

    Where there is no last one, nothing is kept of the run.
    """
    pages = [
        (run, page, is_first)
        for run, last, first in kept
        if last
        for page, is_first in ((last, False), (first, True))
    ]
    if not pages:
        return
    Transcript.objects.bulk_create(
        [
            Transcript(
                id=uuid5(run.saved_request_id, "first" if is_first else "last"),
                saved_request_id=run.saved_request_id,
                run=run,
                fence=run.fence,
                is_good=True,
                is_first=is_first,
                created_at=now,
                content=page.content,
            )
            for run, page, is_first in pages
            if page
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["run", "fence", "created_at", "content"],
    )
    for run, _, is_first in pages:
        if not is_first:
            _memory.keep(run.saved_request, now)


def keep_failed(run: Run, caller: Caller | None, now: datetime) -> None:
    """Keep the last call of an attempt that failed, if anything was sent."""
    _memory.forget(run.saved_request)
    if caller is None or (page := page_of(caller)) is None:
        return
    Transcript.objects.create(
        saved_request_id=run.saved_request_id,
        run=run,
        fence=run.fence,
        is_good=False,
        created_at=now,
        content=page.content,
    )


def look(transcript: Transcript) -> Look | None:
    """The transcript as a page shows it; None if the key that it was encrypted with is gone."""
    try:
        content = json.loads(transcript.content)
    except DecryptionFailed:
        return None
    method, url, headers, body = content["sent"]
    shown = Preview(
        sent=PrintedRequest(method, url, tuple((name, value) for name, value in headers), body),
        calls=content["calls"],
        was_renewed=content["was_renewed"],
    )
    answer = content.get("answer")
    columns = content.get("columns")
    return Look(
        _answered(shown, answer) if answer else shown,
        None if columns is None else tuple(columns),
        content["settings"],
        content["version"],
        bool(answer and answer["is_cut"]),
    )


def settings_of(saved_request: SavedRequest) -> dict[str, Any]:
    """What a request was made by, without its secret, to be compared with another version."""
    found: dict[str, Any] = {}
    for each in saved_request._meta.concrete_fields:
        if each.name in _NO_SETTINGS:
            continue
        value = getattr(saved_request, each.attname)
        if isinstance(value, timedelta | UUID):
            value = str(value)
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            value = f"{value[:_LONGEST_TEXT]}… ({len(value):,} characters, {zlib.crc32(value.encode()):08x})"
        found[each.name] = value
    return found


def _kept(answer: outbound.Answer, secrets: tuple[str, ...]) -> dict[str, Any]:
    body, is_recoded = _beginning(answer, secrets)
    timings = answer.timings
    return {
        "status": answer.status,
        "reason": answer.reason,
        "headers": masking.concealed(answer.headers, secrets),
        "redirects": [[_masked(hop.url, secrets), hop.status] for hop in answer.redirects],
        "url": _masked(answer.url, secrets),
        "timings": [timings.resolve, timings.connect, timings.tls, timings.first_byte, timings.total],
        "size": len(answer.body),
        "wire_size": answer.wire_bytes,
        "media_type": answer.media_type,
        # What was masked is UTF-8 now.
        "content_type": answer.media_type if is_recoded else answer.header("Content-Type") or "",
        "binary": reading.kind_of_binary(answer.body, answer.media_type) if answer.body else "",
        "body": base64.b64encode(zlib.compress(body, 1)).decode(),
        "is_cut": len(answer.body) > MOST_BYTES,
    }


def _masked(url: str, secrets: tuple[str, ...]) -> str:
    return masking.masked(RenderedRequest("GET", url), secrets).url


def _beginning(answer: outbound.Answer, secrets: tuple[str, ...]) -> tuple[bytes, bool]:
    """The beginning of the body with secrets masked, and whether it was written anew for that.

    Masked before it is cut, and cut again where half a secret may stand at the end of what was masked.
    """
    body, window = answer.body, answer.body[: MOST_BYTES + _MARGIN]
    if not masking.is_echoed(window, masking.forms_of(secrets)):
        return _cut(body), False
    is_text = not reading.kind_of_binary(body, answer.media_type)
    if is_text:
        text = reading.text_of(window, answer.header("Content-Type") or "").text
        masked = masking.concealed(text, secrets).encode("utf-8", "replace")
    else:
        masked = masking.concealed_bytes(window, secrets)
    if len(body) > len(window):
        masked = _cut(masked, max(0, len(masked) - _MARGIN))
    return _cut(masked), is_text


def _cut(body: bytes, most: int = MOST_BYTES) -> bytes:
    """Its beginning, without half a character of UTF-8, for which all of it would be taken for no UTF-8."""
    if len(body) <= most:
        return body
    beginning = body[:most]
    for back in range(1, min(3, most) + 1):
        if (byte := beginning[-back]) >= 0b1100_0000:
            length = 2 + (byte >= 0b1110_0000) + (byte >= 0b1111_0000)
            return beginning[:-back] if length > back else beginning
    return beginning


def _answered(shown: Preview, answer: dict[str, Any]) -> Preview:
    """With the answer, read again as far as it is there."""
    body = zlib.decompress(base64.b64decode(answer["body"]))
    text = "" if answer["binary"] else reading.text_of(body, answer["content_type"]).text
    shown = replace(
        shown,
        status=answer["status"],
        reason=answer["reason"],
        headers=tuple((name, value) for name, value in answer["headers"]),
        redirects=tuple(outbound.Hop(url, status) for url, status in answer["redirects"]),
        url=answer["url"],
        timings=outbound.Timings(*answer["timings"]),
        size=answer["size"],
        wire_size=answer["wire_size"],
        media_type=answer["media_type"],
        binary=answer["binary"],
        body=body,
        text=text,
        is_cut=answer["is_cut"],
    )
    if answer["is_cut"] or answer["binary"] or not body:
        return shown
    try:
        document = reading.read(body, answer["content_type"])
    except reading.UnreadableAnswer:
        return shown
    return replace(
        shown, has_document=True, kind=document.kind, label=document.label, document=document.value
    )
