"""Test page 2: the first two calls of a pull, to see whether its pagination is right."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from connections import outbound
from requests_builder import masking, pagination
from requests_builder.masking import PrintedRequest
from requests_builder.models import SavedRequest
from requests_builder.rendering import RenderedRequest
from requests_builder.runs import calls
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import PullProblem, told


class Verdict(StrEnum):
    """What two pages say about a pagination."""

    RIGHT = "right"  # page 2 holds other records
    ENDED = "ended"  # there is no page 2, and the settings say why
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class TriedPage:
    """What was asked, with secrets masked, and what came; `record_count` None: no records were read."""

    sent: PrintedRequest = field(repr=False)
    status: int
    reason: str
    record_count: int | None = None


@dataclass(frozen=True, slots=True)
class SecondPage:
    """Up to two pages, and one sentence on what they show."""

    verdict: Verdict
    sentence: str
    pages: tuple[TriedPage, ...] = ()


def try_second_page(
    saved_request: SavedRequest, *, now: datetime, watch: outbound.Watch | None = None
) -> SecondPage:
    """Ask for the first page and for the one after it, as a pull would; nothing is stored.

    What goes wrong is told in the result. The request need not be saved; its token may be renewed.
    """
    trial = _Trial()
    try:
        with told(), outbound.Door() as door:
            caller = calls.Caller(saved_request, door, Clock(now), watch)
            strategy = pagination.from_config(saved_request.pagination)
            return trial.go(caller, strategy, saved_request.records_path)
    except PullProblem as problem:
        return SecondPage(Verdict.WRONG, f"{trial.where}{problem.problem.sentence}", tuple(trial.pages))


class _Trial:
    def __init__(self) -> None:
        self.pages: list[TriedPage] = []
        self._records: list[list[dict[str, Any]]] = []

    @property
    def where(self) -> str:
        """Which page a problem is about, unless it is the first, as everywhere."""
        return "On page 2: " if len(self.pages) > 1 else ""

    def go(self, caller: calls.Caller, strategy: pagination.Strategy, path: str) -> SecondPage:
        trail = pagination.PageTrail()
        following: RenderedRequest | pagination.End = caller.first_request(strategy)
        while isinstance(following, RenderedRequest) and len(self.pages) < 2:
            page = self._ask(caller, following, path)
            if self._is_repeated():
                return self._told(Verdict.WRONG, _REPEATED)
            following, trail = pagination.follow(strategy, page, trail)
            if isinstance(following, RenderedRequest):
                following = caller.without_credential(following)
        return self._judged(following)

    def _ask(self, caller: calls.Caller, request: RenderedRequest, path: str) -> pagination.Page:
        answer = caller.send(request)
        assert caller.sent is not None
        sent = masking.masked(caller.sent, caller.secrets)
        self.pages.append(TriedPage(sent, answer.status, answer.reason))
        answer = caller.check(answer)
        document = calls.read(answer)
        value = document.value if document else None
        found = calls.records_in(answer, value, path)
        self.pages[-1] = replace(self.pages[-1], record_count=len(found))
        self._records.append(found)
        return pagination.Page(request, value, found, headers=answer.headers)

    def _is_repeated(self) -> bool:
        return len(self._records) == 2 and self._records[0] == self._records[1] != []

    def _judged(self, following: RenderedRequest | pagination.End) -> SecondPage:
        if len(self.pages) < 2:
            assert isinstance(following, pagination.End)
            return self._told(Verdict.ENDED, f"There is no page 2. {following.reason or _ONE_PAGE}")
        count = len(self._records[1])
        shared = len({_key(each) for each in self._records[0]} & {_key(each) for each in self._records[1]})
        if count:
            said = f"Page 2 holds {count:,} record{'' if count == 1 else 's'}"
            said += f", of which {shared:,} stood on page 1, too." if shared else ", none of them of page 1."
        else:
            said = "Page 2 holds no records."
        if isinstance(following, pagination.End):
            said += f" It is the last one. {following.reason}"
        else:
            said += " A run goes on with page 3."
        return self._told(Verdict.RIGHT, said.strip())

    def _told(self, verdict: Verdict, sentence: str) -> SecondPage:
        return SecondPage(verdict, sentence, tuple(self.pages))


_REPEATED = (
    "Page 2 repeats page 1: it holds the same records. The API seems to ignore how the next page is asked "
    "for. Look at the names of the parameters, and at what the API's documentation calls them."
)
_ONE_PAGE = "Pagination is None: a run asks for one page."


def _key(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)
