"""The pull itself: page after page, each stored with its checkpoint, shown all at once at the end."""

import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from connections import outbound
from requests_builder import destinations, mapping, masking, pagination
from requests_builder.models import AttemptOutcome, Mender, Run, RunState, Table
from requests_builder.runs import attempts, bell, calls, newness, tallying, transcripts
from requests_builder.runs.ahead import Ahead
from requests_builder.runs.checkpoints import Checkpoint
from requests_builder.runs.clock import Clock
from requests_builder.runs.leases import HandedOver, Lease, LeaseLost, claim, heart
from requests_builder.runs.problems import Problem, PullDelayed, PullFailed, told

# For one page: attempts that failed here but might have gone well, and workers that died.
MOST_ATTEMPTS = 5
MOST_DEATHS = 3
FIRST_GAP = timedelta(seconds=10)
LONGEST_GAP = timedelta(minutes=15)
_LONGEST_REASON = 1_000
# Longer than this, nobody may ask us to wait (Retry-After).
LONGEST_WAIT = timedelta(hours=1)

logger = logging.getLogger(__name__)


def execute(run_id: UUID, *, worker: UUID, now: datetime) -> RunState | None:
    """Work on the run until it has succeeded, failed, or has to wait; the state it is left in.

    None: it is not ours to do. Somebody else has it, it is finished, or its time has not come; or it was
    taken from us meanwhile. Any number of workers may call this for one run, at any time.
    """
    lease = claim(run_id, worker=worker, clock=Clock(now))
    return work_on(lease) if lease else None


def work_on(lease: Lease) -> RunState | None:
    """What `execute` does, with a run that is taken already."""
    with tallying.about(lease.run):
        try:
            with heart.keeping(lease):
                return _attempt(lease)
        except LeaseLost:
            logger.warning("Run %s was taken over or ended by somebody else", lease.run.pk)
            return None


def _attempt(lease: Lease) -> RunState:
    try:
        with told(), outbound.Door() as door:
            Pull(lease, door).go()
    except PullFailed as failure:
        return _fail(lease, failure.problem)
    except PullDelayed as delay:
        return _postpone(lease, delay, lease.run.saved_request.retries + 1)
    except LeaseLost:
        raise
    except HandedOver:
        return _hand_over(lease)
    except Exception as surprise:
        return _after(surprise, lease)
    tallying.finished(lease.run, RunState.SUCCEEDED)
    return RunState.SUCCEEDED


def _after(surprise: Exception, lease: Lease) -> RunState:
    """What becomes of a run after something that its parts do not foresee."""
    if isinstance(surprise, IntegrityError | Table.DoesNotExist) and _has_lost_its_table(lease):
        return _fail(lease, _TABLE_GONE)
    logger.error("Run %s was interrupted", lease.run.pk, exc_info=surprise)
    if isinstance(surprise, OperationalError | InterfaceError):
        # A new connection may find the database back. If not, the lease runs out, which comes to the same.
        connection.close()
        return _postpone(lease, PullDelayed(_DATABASE_LOST), MOST_ATTEMPTS)
    return _postpone(lease, PullDelayed(_MISTAKE), MOST_ATTEMPTS)


def _has_lost_its_table(lease: Lease) -> bool:
    # The request as we read it names a table, which may have been deleted since.
    return not Table.objects.filter(saved_requests=lease.run.saved_request).exists()


_TABLE_GONE = Problem(
    "table_deleted",
    "The table for these records was deleted. Choose another one under Import Settings.",
    Mender.EDITOR,
)
_DATABASE_LOST = Problem("database_lost", "The database could not be reached.", Mender.HOST)
_MISTAKE = Problem(
    "internal_error",
    "Something went wrong here that should not. If it happens again, tell whoever hosts this product: its "
    "log says more.",
    Mender.HOST,
)


class Pull:
    """One attempt at a run."""

    def __init__(self, lease: Lease, door: outbound.Door) -> None:
        self._lease = lease
        self._run = lease.run
        self._saved_request = lease.run.saved_request
        self._strategy = pagination.from_config(self._saved_request.pagination)
        # A run that was cancelled, or taken over, does not wait for an answer that is on its way.
        self._caller = calls.Caller(
            self._saved_request, door, lease.clock, lambda _: not lease.is_lost, run=lease.run
        )
        lease.tally.caller = self._caller
        self._newness = newness.progress(self._run)
        self._first = self._caller.first_request(
            self._strategy, newness.parameters(self._saved_request, self._newness)
        )
        self._destination = destinations.of(self._saved_request)
        # Where an attempt was given up, the next one asks for its pages in turn.
        self._ahead = Ahead(self._caller, self._run.pk, is_on=not self._run.error_code)
        self._is_begun = False
        # What the pages of earlier attempts have shown is known when it is clear where to begin.
        self._mapping: mapping.CompiledMapping | mapping.AsTheyCome = mapping.AsTheyCome()
        self._found_until: tuple[int, ...] = ()

    def go(self) -> None:
        """Every page that is left, and then the end. Raises PullFailed, PullDelayed and LeaseLost."""
        checkpoint: Checkpoint | None = self._where_to_begin()
        self._destination.prepare()
        self._mapping = mapping.started(self._saved_request.mapping, self._run.findings)
        self._found_until = self._mapping.findings.extent
        while checkpoint is not None:
            checkpoint = self._page(checkpoint)

    def _where_to_begin(self) -> Checkpoint:
        run, version = self._run, self._saved_request.version
        if run.page_deaths >= MOST_DEATHS:
            raise PullFailed(_WORKER_LOST)
        checkpoint = Checkpoint.from_text(run.checkpoint, self._first) if run.checkpoint else None
        if checkpoint and checkpoint.is_sending:
            raise PullFailed(_AMBIGUOUS)
        # Pagination never leaves an origin: another one means that the provider has moved the account.
        has_moved = checkpoint and not pagination.is_same_origin(checkpoint.request.url, self._first.url)
        if run.request_version != version or has_moved:
            self._restart(version)
            checkpoint = None
        return checkpoint or Checkpoint(self._first)

    def _restart(self, version: int) -> None:
        """Begin anew: pages of a request before and after an edit or a move must not be mixed."""
        nothing: dict[str, Any] = {
            "checkpoint": None,
            "pages": 0,
            "rows": 0,
            "bytes_received": 0,
            "findings": {},
            "watermarks": {},
        }
        with self._lease.writing(request_version=version, **nothing):
            self._destination.restart(self._run)
        for name, value in nothing.items():
            setattr(self._run, name, value)
        self._newness = self._newness and self._newness.anew()

    def _page(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """Ask for one page and store it with where to go on; None after the last."""
        self._lease.check()
        began = self._lease.clock.seconds
        answer, document = self._fetch(checkpoint)
        page = calls.records_in(answer, document, self._saved_request.records_path)
        following = self._following(checkpoint, answer, document, page, began)
        if masking.is_echoed(answer.body, self._caller.forms_of_secrets):
            # Rows are for everybody in the team, credentials for nobody. The next link may need its own.
            page = masking.concealed(page, self._caller.secrets)
        self._keep(page, is_last=isinstance(following, pagination.End))
        if self._newness is None:
            self._store(answer, [self._mapping.rows(page)], following)
        else:
            self._newness, taken = self._newness.after(page)
            parts = [self._mapping.rows(some) for some in (taken.perhaps_known, taken.new)]
            self._store(answer, parts, following)
        return following if isinstance(following, Checkpoint) else None

    def _keep(self, page: list[dict[str, Any]], *, is_last: bool) -> None:
        """Have the first and the last call where they can be looked at later, if that is due again."""
        if (is_last or not self._run.pages) and transcripts.wants_good(
            self._saved_request, self._lease.clock()
        ):
            kept = transcripts.page_of(self._caller, page)
            if is_last:
                self._lease.tally.last_kept = kept
            else:
                self._lease.tally.first_kept = kept

    def _fetch(self, checkpoint: Checkpoint) -> tuple[outbound.Answer, Any]:
        if calls.is_repeatable(checkpoint.request):
            return calls.fetch(self._caller, checkpoint.request, self._ahead.take(checkpoint.request))
        self._write_down(replace(checkpoint, is_sending=True))
        try:
            return calls.fetch(self._caller, checkpoint.request)
        except PullDelayed as delay:
            if delay.may_have_acted:
                raise PullFailed(_AMBIGUOUS) from delay
            self._write_down(checkpoint)
            raise

    def _following(
        self,
        checkpoint: Checkpoint,
        answer: outbound.Answer,
        document: Any,
        page: Sequence[Any],
        began: float,
    ) -> Checkpoint | pagination.End:
        answered = pagination.Page(checkpoint.request, document, page, headers=answer.headers)
        request, trail = pagination.follow(self._strategy, answered, checkpoint.trail, settings.RUN_MAX_PAGES)
        if isinstance(request, pagination.End):
            return request
        seconds = checkpoint.seconds + self._lease.clock.seconds - began
        following = Checkpoint(self._caller.without_credential(request), trail, seconds)
        if self._lease.is_safe and self._ahead.is_worthwhile(following.request, answer):
            # It leaves before this page is written: the database is not waited for either.
            outlook = pagination.outlook(
                self._strategy, answered, following.request, trail, settings.RUN_MAX_PAGES
            )
            self._ahead.look(outlook, answer)
        return following

    def _store(
        self,
        answer: outbound.Answer,
        parts: Sequence[mapping.Rows],
        following: Checkpoint | pagination.End,
    ) -> None:
        """In one transaction: the rows, the counts, and where to go on; after the last page, all is shown.

        Of several parts, the later ones hold what is certainly new.
        """
        run, now, tally = self._run, self._lease.clock(), self._lease.tally
        rows = sum(len(part.rows) for part in parts)
        tally.add(answer, rows)
        progress: dict[str, Any] = {
            "pages": run.pages + 1,
            "rows": run.rows + rows,
            "bytes_received": run.bytes_received + answer.wire_bytes,
            # This attempt is the first one at the page that follows.
            "page_attempts": 1,
            "page_deaths": 0,
        }
        is_whole = isinstance(following, pagination.End)
        seconds = 0 if isinstance(following, pagination.End) else following.seconds
        _check_budgets(progress["rows"], progress["bytes_received"], seconds)
        progress |= self._findings(is_whole=is_whole)
        if self._newness is not None:
            progress["watermarks"] = self._newness.to_json()
        where = (
            _ended(RunState.SUCCEEDED, now) | tally.of_run(run)
            if isinstance(following, pagination.End)
            else {"checkpoint": following.to_text(self._first)}
        )
        with self._lease.writing(**progress, **where):
            if not self._is_begun:
                self._destination.begin(run)
            for number, part in enumerate(parts):
                self._destination.write(part.rows, part.types, is_new=number > 0)
            if isinstance(following, pagination.End):
                self._publish(following, progress["rows"], now)
        self._is_begun = True
        for name, value in progress.items():
            setattr(run, name, value)

    def _publish(self, end: pagination.End, rows: int, now: datetime) -> None:
        """Within the transaction of the last page."""
        # Before the destination locks its table, as whoever deletes a table does.
        said = newness.keep(self._run, self._newness) if self._newness else ""
        remark = self._destination.publish(rows=rows, now=now, is_complete=end.is_complete)
        # Why it ended, and what became of what came.
        reason = " ".join(filter(None, [end.reason, remark, said]))
        Run.objects.filter(pk=self._run.pk).update(stop_reason=reason[:_LONGEST_REASON])
        tally = self._lease.tally
        if self._run.fence > 1:
            attempts.note(self._run, tally, AttemptOutcome.SUCCEEDED, now=now)
        if tally.last_kept:
            transcripts.keep_good(self._run, tally.last_kept, tally.first_kept, now)

    def _findings(self, *, is_whole: bool) -> dict[str, Any]:
        """What the mapping has found, if that is more than is stored; at the end also what to say of it."""
        said = self._mapping.end() if is_whole else ""
        found = self._mapping.findings
        if not said and found.extent == self._found_until:
            return {}
        self._found_until = found.extent
        return {"findings": found.to_json() | ({"remark": said} if said else {})}

    def _write_down(self, checkpoint: Checkpoint) -> None:
        self._lease.write(checkpoint=checkpoint.to_text(self._first))


_WORKER_LOST = Problem(
    "worker_lost",
    f"{MOST_DEATHS} workers ended without a word while they worked on the same page of this run, perhaps for "
    "lack of memory. Ask for smaller pages; whoever hosts this product finds more in the workers' log.",
    Mender.HOST,
)
_AMBIGUOUS = Problem(
    "ambiguous",
    "The request was sent, but no whole answer came back, so nobody knows whether the API has acted on it. "
    "With this method it is not sent again by itself: look at the other side, then press Run now.",
    Mender.EDITOR,
    "method",
)


def _check_budgets(rows: int, received: int, seconds: float) -> None:
    for code, what, spent, most in (
        ("too_many_rows", "rows", rows, settings.RUN_MAX_ROWS),
        ("too_many_bytes", "bytes", received, settings.RUN_MAX_BYTES),
        ("too_long", "seconds", seconds, settings.RUN_MAX_SECONDS),
    ):
        if spent > most:
            sentence = (
                f"This run came to more than {most:,} {what}, which is all that one run may take. Its table "
                "stays as it was. Ask for fewer records, or let whoever hosts this product raise the limit."
            )
            raise PullFailed(Problem(code, sentence, Mender.EDITOR))


def _ended(state: RunState, now: datetime) -> dict[str, Any]:
    """The fields of a run that is finished."""
    ended: dict[str, Any] = {"state": state, "finished_at": now, "leased_by": None, "leased_until": None}
    return ended | {"checkpoint": None, "error_code": "", "error": "", "mender": ""}


def _told(problem: Problem) -> dict[str, Any]:
    return {"error_code": problem.code, "error": problem.sentence, "mender": problem.mender}


def _fail(lease: Lease, problem: Problem) -> RunState:
    _give_up(lease, AttemptOutcome.FAILED, _ended(RunState.FAILED, lease.clock()), problem)
    tallying.finished(lease.run, RunState.FAILED, problem.code)
    logger.info("Run %s failed: %s", lease.run.pk, problem.code)
    if lease.run.saved_request.table_id is not None:
        destinations.of(lease.run.saved_request).discard(lease.run)
    return RunState.FAILED


def _postpone(lease: Lease, delay: PullDelayed, most: int) -> RunState:
    """Give the run back, to be tried again later, up to `most` times: a row waits, no worker does."""
    attempts, problem = lease.run.page_attempts, delay.problem
    if attempts >= most:
        mender = Mender.PROVIDER if problem.mender == Mender.NOBODY else problem.mender
        times = "once" if attempts == 1 else f"{attempts} times"
        tried = f"{problem.sentence} It was tried {times}; press Run now to try again."
        return _fail(lease, replace(problem, sentence=tried, mender=mender))
    not_before = lease.clock() + gap(attempts, delay.retry_after)
    free = {"state": RunState.QUEUED, "leased_by": None, "leased_until": None}
    _give_up(lease, AttemptOutcome.DELAYED, free | {"not_before": not_before}, problem)
    tallying.postponed(problem.code)
    logger.info("Run %s waits until %s: %s", lease.run.pk, not_before, problem.code)
    return RunState.QUEUED


def _give_up(lease: Lease, outcome: AttemptOutcome, fields: dict[str, Any], problem: Problem) -> None:
    """End the attempt with these fields of the run, and leave what people want to know of it."""
    run, tally, now = lease.run, lease.tally, lease.clock()
    with lease.writing(**fields | tally.of_run(run) | _told(problem)):
        waits_until = fields.get("not_before")
        attempts.note(run, tally, outcome, now=now, problem=problem, waits_until=waits_until)
        transcripts.keep_failed(run, tally.caller, now)


def _hand_over(lease: Lease) -> RunState:
    """Give the run back at once: whoever takes it goes on after the last page, and it cost no attempt."""
    run = lease.run
    counts = {"attempts": run.attempts - 1, "page_attempts": max(0, run.page_attempts - 1)}
    free = {"state": RunState.QUEUED, "leased_by": None, "leased_until": None}
    now = lease.clock()
    with lease.writing(**free, **counts, **lease.tally.of_run(run), not_before=now, rung_at=None):
        attempts.note(run, lease.tally, AttemptOutcome.HANDED_OVER, now=now)
    logger.info("Run %s is left to another worker", run.pk)
    bell.ring([run.pk])
    return RunState.QUEUED


def gap(attempt: int, retry_after: timedelta | None) -> timedelta:
    """How long to wait after this attempt, the first being 1: four times longer each time.

    Never shorter than the other side asks for (up to an hour), and never the same for all: what failed
    together must not come back together.
    """
    growth: int = 4 ** (attempt - 1)
    own = min(FIRST_GAP * growth, LONGEST_GAP) * random.uniform(0.75, 1.25)  # noqa: S311
    asked = min(retry_after or timedelta(0), LONGEST_WAIT) * random.uniform(1, 1.1)  # noqa: S311
    return max(own, asked)
