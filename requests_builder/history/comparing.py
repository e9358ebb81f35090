"""What differs between a run and the last good one of its request, the most telling first."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests_builder import masking
from requests_builder.models import Run, RunState, Transcript
from requests_builder.runs import transcripts

# How settings are called where people edit them.
_SETTINGS = {
    "url": "URL",
    "body_kind": "Body",
    "body": "Body",
    "body_pairs": "Body",
    "body_media_type": "Body",
    "graphql_variables": "Body",
    "authorization_kind": "Authorization",
    "username": "Authorization",
    "api_key_name": "Authorization",
    "api_key_place": "Authorization",
    "connection_id": "Authorization",
    "connection": "Authorization",
    "timeout_seconds": "Timeout",
    "max_response_mb": "Size of an answer",
    "records_path": "JMESPath",
    "mapping": "Response Field Mapping",
    "newest_field": "Only new records",
    "newest_parameter": "Only new records",
    "look_back": "Only new records",
    "table": "Table",
}
_LONGEST = 300
# Times and sizes are never quite the same.
_TIMES_AS_LONG = 2
_NOTICED_SECONDS = 1.0
_SHARE_OF_BYTES = 0.2
_NOT_KEPT = "not kept"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of both runs. `said` is what to say about a difference, if it is worth a sentence."""

    label: str
    good: str
    this: str
    is_different: bool
    said: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside the last good one. `sentences` tell the most telling differences."""

    run: Run
    good: Run
    sentences: list[str]
    different: list[Line]
    same: list[Line]
    # Of which run the good answer is, where it is not that of `good`.
    answer_of: Run | None


def last_good(run: Run) -> Run | None:
    """The newest run of the same request that succeeded before this one was due."""
    earlier = Run.objects.filter(saved_request=run.saved_request_id, state=RunState.SUCCEEDED)
    return earlier.older_than(run.due_at, run.pk).order_by("-due_at", "-id").first()


def compared(run: Run, good: Run, *, has_calls: bool) -> Comparison:
    """What differs. `has_calls`: also between what was sent and received, for those who may see that."""
    this, that, answer_of = _looks(run, good) if has_calls else (None, None, None)
    lines = [
        *_settings(run, good, this, that),
        *_sent(this, that),
        *_answered(run, good, this, that),
        *_figures(run, good),
    ]
    different = [line for line in lines if line.is_different]
    sentences = [line.said for line in different if line.said]
    return Comparison(
        run, good, sentences, different, [line for line in lines if not line.is_different], answer_of
    )


def _looks(run: Run, good: Run) -> tuple[transcripts.Look | None, transcripts.Look | None, Run | None]:
    """What was sent and received by each, the same page of both where that is known."""
    own = list(run.transcripts.order_by("-fence", "is_first"))
    kept = Transcript.objects.filter(saved_request=run.saved_request_id, is_good=True).exclude(run=run)
    good_ones = list(kept.select_related("run").order_by("is_first"))
    # A run that failed at its first page is compared with the first one of the other.
    is_at_first = run.pages == 0
    mine = next((one for one in own if one.is_first and is_at_first), own[0] if own else None)
    of_good = [one for one in good_ones if one.run_id == good.pk] or good_ones
    theirs = next((one for one in of_good if one.is_first == is_at_first), of_good[0] if of_good else None)
    answer_of = theirs.run if theirs and theirs.run_id != good.pk else None
    return (
        transcripts.look(mine) if mine else None,
        transcripts.look(theirs) if theirs else None,
        answer_of,
    )


def _settings(
    run: Run, good: Run, this: transcripts.Look | None, that: transcripts.Look | None
) -> Iterator[Line]:
    is_edited = run.request_version != good.request_version and run.request_version is not None
    # What another good run was made by may be what the last good one was not.
    is_known = this is not None and that is not None and that.version == good.request_version
    changed = _changed(that.settings, this.settings) if this and that and is_known else {}
    names = list(dict.fromkeys(changed))
    said = ""
    if is_edited:
        what = f": {', '.join(names)}" if names else ""
        said = f"The request was edited in between{what}."
    yield Line("Settings", _version(good), _version(run), is_edited, said)
    for name, (before, now) in changed.items():
        if name not in ("URL", "Headers", "Body"):  # told by what was sent
            yield Line(name, before, now, is_different=True, is_code=True)


def _version(run: Run) -> str:
    return f"version {run.request_version}" if run.request_version else "none yet"


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Settings that differ, by the names that people know."""
    found: dict[str, tuple[str, str]] = {}
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if old != new:
            label = _SETTINGS.get(name, name.removesuffix("_id").replace("_", " ").capitalize())
            found.setdefault(label, (_text(old), _text(new)))
    return found


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _sent(this: transcripts.Look | None, that: transcripts.Look | None) -> Iterator[Line]:
    mine, theirs = (one.preview.sent if one else None for one in (this, that))
    if mine is None or theirs is None:
        yield Line("Request as sent", _known(theirs), _known(mine), is_different=False)
        return
    first, second = (f"{one.method} {one.url.partition('?')[0]}" for one in (theirs, mine))
    yield Line(
        "Address", first, second, first != second, "It was sent to another address." * (first != second), True
    )
    yield from _pairs("Parameter", "parameters", _parameters(theirs), _parameters(mine))
    yield from _pairs("Header", "headers", _headers(theirs), _headers(mine))
    yield Line("Body as sent", _text(theirs.body), _text(mine.body), theirs.body != mine.body, is_code=True)


def _known(sent: masking.PrintedRequest | None) -> str:
    return f"{sent.method} {sent.url}" if sent else _NOT_KEPT


def _parameters(sent: masking.PrintedRequest) -> dict[str, str]:
    try:
        query = urlsplit(sent.url).query
    except ValueError:
        query = sent.url.partition("?")[2]
    return dict(parse_qsl(query, keep_blank_values=True))


def _headers(sent: masking.PrintedRequest) -> dict[str, str]:
    return {name.title(): value for name, value in sent.headers}


def _pairs(one: str, several: str, good: Mapping[str, str], this: Mapping[str, str]) -> Iterator[Line]:
    names = [name for name in {**good, **this} if good.get(name) != this.get(name)]
    for name in names:
        before, now = (found.get(name) for found in (good, this))
        label = f"{one} {name}"
        yield Line(label, _or_none(before), _or_none(now), is_different=True, is_code=True)
    if not names and (good or this):
        yield Line(several.capitalize(), str(len(good)), str(len(this)), is_different=False)


def _or_none(value: str | None) -> str:
    return "not sent" if value is None else value[:_LONGEST]


def _answered(
    run: Run, good: Run, this: transcripts.Look | None, that: transcripts.Look | None
) -> Iterator[Line]:
    first, second = _status(good, that), _status(run, this)
    is_different = first != second and _NOT_KEPT not in (first, second)
    yield Line(
        "Status", first, second, is_different, f"The API answered {second} instead of {first}." * is_different
    )
    before, now = (one.columns if one else None for one in (that, this))
    if before is None or now is None:
        return
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    said = [
        f"{_listed(gone)} did not come any more." if gone else "",
        f"{_listed(new)} came for the first time." if new else "",
    ]
    yield Line("Fields", f"{len(before)}", f"{len(now)}", bool(gone or new), " ".join(filter(None, said)))


def _status(run: Run, look: transcripts.Look | None) -> str:
    if look and look.preview.status:
        return f"{look.preview.status} {look.preview.reason}".strip()
    if run.last_status:
        return str(run.last_status)
    return "no answer" if run.state == RunState.FAILED else _NOT_KEPT


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"The field {some}" if len(names) == 1 else f"The fields {some}"


def _figures(run: Run, good: Run) -> Iterator[Line]:
    is_other = run.rows != good.rows
    said = ""
    if is_other and run.state == RunState.SUCCEEDED:
        said = f"It brought {run.rows:,} rows instead of {good.rows:,}."
    yield Line("Rows", f"{good.rows:,}", f"{run.rows:,}", is_other, said)
    yield Line("Pages", f"{good.pages:,}", f"{run.pages:,}", run.pages != good.pages)
    received, before = run.bytes_received, good.bytes_received
    is_other = abs(received - before) > _SHARE_OF_BYTES * max(before, received)
    yield Line("Received", f"{before:,} bytes", f"{received:,} bytes", is_other)
    yield Line(
        "Took", _seconds(good.duration), _seconds(run.duration), _is_longer(run, good), _slow(run, good)
    )
    yield Line("Attempts", f"{good.attempts}", f"{run.attempts}", run.attempts != good.attempts)
    before_that, why = (one.stop_reason or one.error or "nothing to say" for one in (good, run))
    yield Line("Why it stopped", before_that, why, is_different=before_that != why)


def _seconds(took: timedelta | None) -> str:
    return "–" if took is None else f"{took.total_seconds():.1f} s"


def _is_longer(run: Run, good: Run) -> bool:
    if run.duration is None or good.duration is None:
        return False
    took, before = run.duration.total_seconds(), good.duration.total_seconds()
    return abs(took - before) > _NOTICED_SECONDS and max(took, before) > _TIMES_AS_LONG * min(took, before)


def _slow(run: Run, good: Run) -> str:
    if not _is_longer(run, good):
        return ""
    return f"It took {_seconds(run.duration)} instead of {_seconds(good.duration)}."
