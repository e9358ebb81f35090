"""The pull itself: page after page, each stored with its checkpoint, shown all at once at the end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from connections import outbound
from requests_builder import destinations, mapping, masking, pagination, statuses
from requests_builder.models import Mender, RunState
from requests_builder.runs import (
    attempts,
    calls,
    deaths,
    newness,
    setbacks,
    tallying,
    transcripts,
)
from requests_builder.runs.ahead import Ahead
from requests_builder.runs.checkpoints import Checkpoint
from requests_builder.runs.leases import Lease
from requests_builder.runs.manners import Manners
from requests_builder.runs.problems import Problem, PullDelayed, PullFailed, named
from requests_builder.runs.settling import Ending


class Pull:
    """One attempt at a run."""

    def __init__(self, lease: Lease, door: outbound.Door) -> None:
        self._lease = lease
        self._run = lease.run
        self._saved_request = lease.run.saved_request
        self._strategy = pagination.from_config(self._saved_request.pagination)
        self._manners = Manners(lease.run, lease.clock)
        # A run that was cancelled, or taken over, does not wait for an answer that is on its way.
        self._caller = calls.Caller(
            self._saved_request,
            door,
            lease.clock,
            lambda _: not lease.is_lost,
            run=lease.run,
            heed=self._manners.heed,
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

    def go(self) -> Ending | RunState:
        """Every page that is left; the last is not stored. A state, if the run is finished without any.

        Raises PullFailed, PullDelayed, Held and LeaseLost.
        """
        following: Checkpoint | Ending | RunState = self._where_to_begin()
        self._manners.begin(self._first.url)
        self._destination.prepare()
        self._mapping = mapping.started(self._saved_request.mapping, self._run.findings)
        self._found_until = self._mapping.findings.extent
        while isinstance(following, Checkpoint):
            following = self._page(following)
        return following

    def _where_to_begin(self) -> Checkpoint:
        run, version = self._run, self._saved_request.version
        if run.page_deaths >= deaths.MOST_DEATHS:
            raise PullFailed(deaths.LOST)
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

    def _page(self, checkpoint: Checkpoint) -> Checkpoint | Ending | RunState:
        """Ask for one page, and store it with where to go on, unless it is the last one."""
        self._lease.check()
        began = self._lease.clock.seconds
        answer, document = self._fetch(checkpoint)
        meaning = self._caller.meaning_of(answer)
        if meaning == statuses.Meaning.DONE and not self._run.pages:
            return self._finish_untouched(answer)
        page = [] if meaning else calls.records_in(answer, document, self._saved_request.records_path)
        following = self._following(checkpoint, answer, document, page, began)
        if masking.is_echoed(answer.body, self._caller.forms_of_secrets):
            # Rows are for everybody in the team, credentials for nobody. The next link may need its own.
            page = masking.concealed(page, self._caller.secrets)
        self._keep(page, is_last=isinstance(following, pagination.End))
        if self._newness is None:
            parts = [self._mapping.rows(page)]
        else:
            # Of several parts, the later ones hold what is certainly new.
            self._newness, taken = self._newness.after(page)
            parts = [self._mapping.rows(some) for some in (taken.perhaps_known, taken.new)]
        if isinstance(following, pagination.End):
            return self._ending(answer, parts, following)
        self._store(answer, parts, following)
        return following

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
            early = self._ahead.take(checkpoint.request)
            if early is None:
                self._manners.take_turn()
            return self._ask(checkpoint, early)
        self._manners.take_turn()
        self._write_down(replace(checkpoint, is_sending=True))
        try:
            return self._ask(checkpoint)
        except PullDelayed as delay:
            if delay.may_have_acted:
                raise PullFailed(_AMBIGUOUS) from delay
            self._write_down(checkpoint)
            raise

    def _ask(
        self, checkpoint: Checkpoint, early: calls.Exchange | None = None
    ) -> tuple[outbound.Answer, Any]:
        try:
            return calls.fetch(self._caller, checkpoint.request, early)
        except PullDelayed as delay:
            self._manners.note(delay)
            raise

    def _following(
        self,
        checkpoint: Checkpoint,
        answer: outbound.Answer,
        document: Any,
        page: Sequence[Any],
        began: float,
    ) -> Checkpoint | pagination.End:
        if meaning := self._caller.meaning_of(answer):
            return _end_by(answer, meaning)
        answered = pagination.Page(checkpoint.request, document, page, headers=answer.headers)
        request, trail = pagination.follow(self._strategy, answered, checkpoint.trail, settings.RUN_MAX_PAGES)
        if isinstance(request, pagination.End):
            return request
        seconds = checkpoint.seconds + self._lease.clock.seconds - began
        following = Checkpoint(self._caller.without_credential(request), trail, seconds)
        is_free = self._lease.is_safe and not self._manners.is_limited
        if is_free and self._ahead.is_worthwhile(following.request, answer):
            # It leaves before this page is written: the database is not waited for either.
            outlook = pagination.outlook(
                self._strategy, answered, following.request, trail, settings.RUN_MAX_PAGES
            )
            self._ahead.look(outlook, answer)
        return following

    def _counts(
        self, answer: outbound.Answer, parts: Sequence[mapping.Rows], seconds: float, *, is_whole: bool
    ) -> dict[str, Any]:
        """What the run comes to with this page."""
        run, rows = self._run, sum(len(part.rows) for part in parts)
        self._lease.tally.add(answer, rows)
        counts: dict[str, Any] = {
            "pages": run.pages + 1,
            "rows": run.rows + rows,
            "bytes_received": run.bytes_received + answer.wire_bytes,
        }
        _check_budgets(counts["rows"], counts["bytes_received"], seconds)
        counts |= self._findings(is_whole=is_whole)
        if self._newness is not None:
            counts["watermarks"] = self._newness.to_json()
        return counts

    def _ending(self, answer: outbound.Answer, parts: Sequence[mapping.Rows], end: pagination.End) -> Ending:
        counts = self._counts(answer, parts, 0, is_whole=True)
        as_they_are = {"findings": self._run.findings, "watermarks": self._run.watermarks}
        return Ending(
            self._lease,
            self._destination,
            parts,
            as_they_are | counts | self._lease.tally.of_run(self._run),
            end,
            self._newness,
            len(answer.body),
        )

    def _store(self, answer: outbound.Answer, parts: Sequence[mapping.Rows], following: Checkpoint) -> None:
        """In one transaction: the rows, the counts, and where to go on."""
        counts = self._counts(answer, parts, following.seconds, is_whole=False)
        # This attempt is the first one at the page that follows.
        counts |= {"page_attempts": 1, "page_deaths": 0}
        counts["checkpoint"] = following.to_text(self._first)
        known = self._destination.known(parts) if self._is_begun else None
        if known is not None:
            self._lease.write_with(known.execute, **counts)
        else:
            self._store_apart(parts, counts)
        self._is_begun = True
        for name in counts.keys() - {"checkpoint"}:
            setattr(self._run, name, counts[name])

    def _store_apart(self, parts: Sequence[mapping.Rows], fields: dict[str, Any]) -> None:
        with self._lease.writing(**fields):
            if not self._is_begun:
                self._destination.begin(self._run)
            for number, part in enumerate(parts):
                self._destination.write(part.rows, part.types, is_new=number > 0)

    def _finish_untouched(self, answer: outbound.Answer) -> RunState:
        """There was nothing to do: the run has succeeded, and no row has changed."""
        end = _end_by(answer, statuses.Meaning.DONE)
        ended = setbacks.ended(RunState.SUCCEEDED, self._lease.clock())
        reason = f"{end.reason} The table stays as it was."
        tally = self._lease.tally
        tally.add(answer, 0)
        figures = tally.of_run(self._run) | {"pages": 1, "bytes_received": answer.wire_bytes}
        with self._lease.writing(**ended, **figures, stop_reason=reason):
            attempts.note_success(self._run, tally, now=ended["finished_at"])
        tallying.finished(self._run, RunState.SUCCEEDED)
        return RunState.SUCCEEDED

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


_AMBIGUOUS = Problem(
    "ambiguous",
    "The request was sent, but no whole answer came back, so nobody knows whether the API has acted on it. "
    "With this method it is not sent again by itself: look at the other side, then press Run now.",
    Mender.EDITOR,
    "method",
)


def _end_by(answer: outbound.Answer, meaning: statuses.Meaning) -> pagination.End:
    """Why there is no page after this answer, by the settings of the request."""
    if meaning == statuses.Meaning.EMPTY:
        reason = f"The API answered {named(answer)}, which means empty for this request."
        return pagination.End(reason)
    reason = f"The API answered {named(answer)}, which means done for this request: it was asked for no more."
    return pagination.End(reason, is_complete=False)


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
