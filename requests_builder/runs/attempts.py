"""What each attempt at a run has come to: figures for the run's row, and a row of its own where that is due.

An attempt that is the first and succeeds costs no statement: its figures go with the last page. One that
fails, is handed over, or comes after others leaves a row in the transaction that gives the run back; of a
worker that died the next one tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Sum

from connections import outbound
from requests_builder.models import Attempt, AttemptOutcome, Run, RunState
from requests_builder.runs.problems import Problem

if TYPE_CHECKING:
    from requests_builder.runs.calls import Caller
    from requests_builder.runs.transcripts import Page

PHASES = ("resolve", "connect", "tls", "waiting", "download")
_DIED = (
    "The worker ended without a word: it was killed, lost the database, or ran out of memory. Whoever hosts "
    "this product finds more in the workers’ log."
)


@dataclass(slots=True)
class Tally:
    """What one attempt has come to so far; `first_kept` and `last_kept` where its calls are to be kept."""

    caller: "Caller | None" = None
    pages: int = 0
    rows: int = 0
    bytes_received: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    first_kept: "Page | None" = field(default=None, repr=False)
    last_kept: "Page | None" = field(default=None, repr=False)

    def add(self, answer: outbound.Answer, rows: int) -> None:
        """One more page."""
        self.pages += 1
        self.rows += rows
        self.bytes_received += answer.wire_bytes
        self._add_phases(answer.timings)

    def _add_phases(self, timings: outbound.Timings) -> None:
        for name in PHASES:
            if seconds := getattr(timings, name):
                self.phases[name] = self.phases.get(name, 0) + seconds

    @property
    def last(self) -> outbound.Answer | None:
        """The last answer, also one that was no page."""
        return self.caller.received if self.caller else None

    def figures(self) -> dict[str, Any]:
        """As `Run.figures`, of this attempt alone."""
        calls, refreshes = (self.caller.calls, self.caller.renewals) if self.caller else (0, 0)
        phases = {name: round(seconds, 4) for name, seconds in self.phases.items()}
        return {"calls": calls, "refreshes": refreshes, "phases": phases}

    def of_run(self, run: Run) -> dict[str, Any]:
        """The fields of the run that tell of its attempts, with this one."""
        return {
            "figures": together(run.figures, self.figures()),
            "last_status": self.last.status if self.last else None,
        }


def together(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of several attempts as those of one."""
    if not before:
        return dict(now)
    phases = {
        name: round(before.get("phases", {}).get(name, 0) + now["phases"].get(name, 0), 4)
        for name in before.get("phases", {}) | now["phases"]
    }
    counts = {name: before.get(name, 0) + now[name] for name in ("calls", "refreshes")}
    return {**counts, "phases": phases}


def note(
    run: Run,
    tally: Tally,
    outcome: AttemptOutcome,
    *,
    now: datetime,
    problem: Problem | None = None,
    waits_until: datetime | None = None,
) -> None:
    """Leave a row of the attempt, within the transaction that ends it."""
    Attempt.objects.create(
        run=run,
        fence=run.fence,
        began_at=run.attempted_at,
        ended_at=now,
        worker=run.leased_by,
        outcome=outcome,
        error_code=problem.code if problem else "",
        error=problem.sentence if problem else "",
        pages=tally.pages,
        rows=tally.rows,
        bytes_received=tally.bytes_received,
        figures=tally.figures(),
        waits_until=waits_until,
    )


def note_success(run: Run, tally: Tally, *, now: datetime) -> None:
    """Leave a row of the attempt that succeeds, if it came after others."""
    if run.fence > 1:
        note(run, tally, AttemptOutcome.SUCCEEDED, now=now)


def under_way(run_ids: Sequence[UUID]) -> list[Run]:
    """Those of the runs that a worker has, or had when it died."""
    return list(Run.objects.filter(pk__in=run_ids, state=RunState.RUNNING).defer("checkpoint", "findings"))


def note_deaths(before: Iterable[Run], taken: Mapping[UUID, int]) -> None:
    """Leave rows of attempts whose workers died: `taken` are the fences of the runs that were taken now."""
    note_died([run for run in before if taken.get(run.pk) == run.fence + 1])


def note_died(runs: Sequence[Run]) -> None:
    """Leave rows of the last attempts at these runs, whose workers died."""
    _note_cut_short(runs, AttemptOutcome.DIED, "worker_lost", _DIED, None)


def note_cancelled(before: Iterable[Run], now: datetime) -> None:
    """Leave rows of attempts that somebody has ended."""
    _note_cut_short(list(before), AttemptOutcome.CANCELLED, "cancelled", "", now)


def _note_cut_short(
    runs: Sequence[Run], outcome: AttemptOutcome, code: str, sentence: str, at: datetime | None
) -> None:
    """Rows of attempts that cannot tell of themselves; they ended `at` then, or when their leases did."""
    if not runs:
        return
    known = Attempt.objects.filter(run__in=runs).order_by().values("run")
    sums = known.annotate(p=Sum("pages"), r=Sum("rows"), b=Sum("bytes_received"))
    told = {one["run"]: (one["p"], one["r"], one["b"]) for one in sums}
    rows = []
    for run in runs:
        pages, records, received = told.get(run.pk, (0, 0, 0))
        assert run.leased_until is not None  # whoever works on a run holds a lease
        rows.append(
            Attempt(
                run=run,
                fence=run.fence,
                began_at=run.attempted_at,
                ended_at=at or run.leased_until,
                worker=run.leased_by,
                outcome=outcome,
                error_code=code,
                error=sentence,
                # What it had stored is what the run has more than earlier attempts have told of.
                pages=max(0, run.pages - pages),
                rows=max(0, run.rows - records),
                bytes_received=max(0, run.bytes_received - received),
            )
        )
    Attempt.objects.bulk_create(rows, ignore_conflicts=True)
