"""One call for a person who looks at it: everything that can be said about it, and nothing that is kept."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connections import outbound
from requests_builder import masking, pagination, reading, records
from requests_builder.masking import PrintedRequest
from requests_builder.models import SavedRequest
from requests_builder.rendering import RenderedRequest
from requests_builder.runs import calls
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import Problem, PullFailed, PullProblem, told

MAX_SHOWN_CHARACTERS = 200_000
MAX_SHOWN_RECORDS = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What was sent, what came back, and what a pull would make of it.

    The request has its secrets masked. Sizes are in bytes: `size` of the body as it is read, `wire_size` of
    all that came. `text` is cut after MAX_SHOWN_CHARACTERS, and empty for what is no text: then `binary`
    names it. `notes` are sentences on what had to be guessed. `calls` counts what was sent: two mean that a
    refused token was renewed (`was_renewed`). `problem` tells why a pull with this answer would fail; the
    other fields hold what there is all the same.
    """

    sent: PrintedRequest | None = None
    status: int | None = None
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    redirects: tuple[outbound.Hop, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)
    calls: int = 0
    was_renewed: bool = False
    timings: outbound.Timings | None = None
    size: int = 0
    wire_size: int = 0
    media_type: str = ""
    kind: reading.Kind | None = None
    label: str = ""
    notes: tuple[str, ...] = ()
    binary: str = ""
    # Whole, as it came; with the secrets that the API has repeated masked, in UTF-8.
    body: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)
    is_cut: bool = False
    has_document: bool = False
    document: Any = field(default=None, repr=False)
    unreadable: str = ""
    suggested_paths: tuple[tuple[str, int], ...] = ()
    suggested_pagination: pagination.Suggestion | None = None
    records: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    record_count: int = 0
    columns: tuple[str, ...] = ()
    problem: Problem | None = None

    @property
    def is_good(self) -> bool:
        """Whether a pull would take this answer."""
        return self.problem is None

    @property
    def nothing(self) -> str:
        """Why there is no body, in a sentence; empty if there is one."""
        if self.body or self.status is None:
            return ""
        if self.sent and self.sent.method == "HEAD":
            return "HEAD asks for the headers only. Choose GET to see the body."
        return _NOTHING.get(self.status, "The answer has no body.")


_NOTHING = {
    204: "No content: the API has done what was asked, and has nothing to send.",
    205: "Reset content: the API has done what was asked, and has nothing to send.",
    304: "Not modified: there is nothing new. The header If-None-Match or If-Modified-Since asks for an "
    "answer only when there is; remove it to see the body.",
}


def preview(saved_request: SavedRequest, *, now: datetime, watch: outbound.Watch | None = None) -> Preview:
    """Send the request once, with its credential; what goes wrong is told in the result.

    The request need not be saved, and needs no table. Nothing about it is written; its token may be renewed.
    `watch` is told how many bytes have come, and ends the call by saying False.
    """
    with outbound.Door() as door:
        caller = calls.Caller(saved_request, door, Clock(now), watch)
        try:
            with told():
                strategy = pagination.from_config(saved_request.pagination)
                request = caller.first_request(strategy)
            answer = caller.send(request)
        except PullProblem as problem:
            return Preview(sent=_printed(caller), problem=problem.problem)
    shown = _answered(Preview(sent=_printed(caller)), answer, caller)
    shown = _suggested(shown, saved_request.records_path, answer, caller)
    try:
        taken = caller.check(answer)
    except PullProblem as problem:
        return _concealed(replace(shown, problem=problem.problem), answer, caller)
    if taken is not answer:
        # Its status means that it is not read, whatever it says.
        shown = replace(shown, problem=None)
    if shown.problem is None:
        shown = _taken(shown, saved_request, strategy, request, taken)
    return _concealed(shown, answer, caller)


def _concealed(shown: Preview, answer: outbound.Answer, caller: calls.Caller) -> Preview:
    """Without credentials that the API has repeated: who may use one may not see it."""
    secrets = caller.secrets
    shown = replace(shown, headers=masking.concealed(shown.headers, secrets))
    if not masking.is_echoed(answer.body, caller.forms_of_secrets):
        return shown
    if shown.binary:
        return replace(shown, body=masking.concealed_bytes(answer.body, secrets))
    text = masking.concealed(_text(answer).text, secrets)
    return replace(
        shown,
        # Masked before it is cut: of half a secret nothing would be recognized.
        text=text[:MAX_SHOWN_CHARACTERS],
        body=text.encode(),
        document=masking.concealed(shown.document, secrets),
        records=masking.concealed(shown.records, secrets),
    )


def _printed(caller: calls.Caller) -> PrintedRequest | None:
    return masking.masked(caller.sent, caller.secrets) if caller.sent else None


def _answered(shown: Preview, answer: outbound.Answer, caller: calls.Caller) -> Preview:
    """With everything that the answer says, whatever its status."""
    binary = reading.kind_of_binary(answer.body, answer.media_type) if answer.body else ""
    source = reading.Text("") if binary else _text(answer)
    shown = replace(
        shown,
        status=answer.status,
        reason=answer.reason,
        headers=answer.headers,
        redirects=tuple(replace(hop, url=_masked_url(hop.url, caller)) for hop in answer.redirects),
        url=_masked_url(answer.url, caller),
        calls=caller.calls,
        was_renewed=caller.was_renewed,
        timings=answer.timings,
        size=len(answer.body),
        wire_size=answer.wire_bytes,
        body=answer.body,
        media_type=answer.media_type,
        binary=binary,
        text=source.text[:MAX_SHOWN_CHARACTERS],
        is_cut=len(source.text) > MAX_SHOWN_CHARACTERS,
    )
    try:
        with told():
            document = calls.read(answer)
    except PullFailed as failure:
        kind = _kind_told_by(failure)
        return replace(
            shown,
            unreadable=failure.problem.sentence,
            problem=failure.problem,
            kind=kind,
            label=reading.Document(kind, None, source.encoding).label if kind else "",
            notes=(source.warning,) if source.warning else (),
        )
    if document is None:
        return shown
    assert caller.sent is not None
    return replace(
        shown,
        has_document=True,
        kind=document.kind,
        label=document.label,
        notes=document.warnings,
        document=document.value,
        suggested_paths=tuple(records.suggest_paths(document.value)),
    )


def _suggested(shown: Preview, path: str, answer: outbound.Answer, caller: calls.Caller) -> Preview:
    """With how the answer seems to go on, whatever is set."""
    if not shown.has_document or caller.sent is None:
        return shown
    found: list[Any] = []
    likeliest = [suggested for suggested, _ in shown.suggested_paths[:1]]
    # Whoever has chosen no path yet is shown the likeliest records: the whole answer is one only if nothing
    # else is.
    for candidate in (path, *likeliest) if path else (*likeliest, path):
        with suppress(records.InvalidPath, records.UnreadableAnswer):
            found = found or records.records_at(shown.document, candidate)
    page = pagination.Page(caller.sent, shown.document, found, headers=answer.headers)
    return replace(shown, suggested_pagination=pagination.suggest(page))


def _text(answer: outbound.Answer) -> reading.Text:
    return reading.text_of(answer.body, answer.header("Content-Type") or "")


def _kind_told_by(failure: PullFailed) -> reading.Kind | None:
    """What an answer was taken for that could not be read."""
    return failure.__cause__.kind if isinstance(failure.__cause__, reading.UnreadableAnswer) else None


def _masked_url(url: str, caller: calls.Caller) -> str:
    return masking.masked(RenderedRequest("GET", url), caller.secrets).url


def _taken(
    shown: Preview,
    saved_request: SavedRequest,
    strategy: pagination.Pagination,
    request: RenderedRequest,
    answer: outbound.Answer,
) -> Preview:
    """With the records that a pull would take, and a look at where it would go on."""
    try:
        with told():
            found = calls.records_in(answer, shown.document, saved_request.records_path)
            shown = replace(
                shown,
                records=tuple(found[:MAX_SHOWN_RECORDS]),
                record_count=len(found),
                columns=tuple(records.columns_of(found)),
            )
            pagination.follow(
                strategy,
                pagination.Page(request, shown.document, found, headers=shown.headers),
                pagination.PageTrail(),
            )
    except PullFailed as failure:
        return replace(shown, problem=failure.problem)
    return shown
