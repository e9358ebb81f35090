"""The log of token calls: noted as they happen, written when nothing waits for it any more.

    with gathered(user=None):                          # around a refresh, an exchange, a batch of them
        with noted(connection.pk, kind, message, now=now) as call:
            reply = call.answered(send(message, deadline))
            answer = read_token_reply(reply, ...)      # a TokenRequestFailed tells how it ended
        store(answer)
    # written here, in one statement

Nothing that goes wrong here is heard of by who calls: tokens matter more than their log.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.db import transaction

from accounts.models import User
from connections import oauth2
from connections.models import CallKind, CallOutcome, Connection, TokenCall
from connections.oauth2 import Message, Reply
from connections.oauth2.words import fit, mask
from operations import tallies

# In metrics: calls by what was asked for, and how they ended.
CALLED = "token_calls"

SUCCESSES_KEPT = 50
KEPT_FOR = timedelta(days=90)
# A batch writes from time to time, so that a page shows them soon and a kill loses few lines of the log.
_WRITTEN_AT_ONCE = 50
_WRITTEN_AFTER_SECONDS = 1.0
_SWEPT_AT_ONCE = 50_000
_MAX_NAMES = 40
_LONGEST_NAME = 200
_LONGEST_READ = 64 * 1024
# What everybody calls them is no secret, so it need not be looked through.
_USUAL = frozenset(
    {
        "access_token",
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "error",
        "error_description",
        "expires_in",
        "grant_type",
        "id_token",
        "redirect_uri",
        "refresh_token",
        "scope",
        "token_type",
    }
)
_FORM = re.compile(r"[\w.%+-]+=")

_OUTCOMES: tuple[tuple[type[oauth2.TokenRequestFailed], CallOutcome], ...] = (
    (oauth2.GrantRejected, CallOutcome.GRANT_REFUSED),
    (oauth2.ClientRejected, CallOutcome.CLIENT_REFUSED),
    (oauth2.StillGood, CallOutcome.STILL_GOOD),
    (oauth2.ServerUnavailable, CallOutcome.UNAVAILABLE),
    (oauth2.UnreadableAnswer, CallOutcome.UNREADABLE),
    (oauth2.TokenRequestFailed, CallOutcome.UNKNOWN_REFUSAL),
)

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Noted:
    """One call, while it is under way and until it is written: then only is it looked through for names."""

    connection_pk: UUID
    kind: CallKind
    at: datetime
    user: User | None
    message: Message = field(repr=False)
    authentication: str
    outcome: CallOutcome = CallOutcome.INTERRUPTED
    status: int = 0
    seconds: float = 0.0
    error_code: str = ""
    provider_text: str = ""
    text: str = field(default="", repr=False)

    def answered(self, reply: Reply) -> Reply:
        """Note the answer, and hand it on."""
        self.status = reply.status
        self.text = reply.text if len(reply.text) <= _LONGEST_READ else ""
        return reply

    def judged(self, outcome: CallOutcome, code: str = "", provider_text: str = "") -> None:
        """Say what it meant, where no TokenRequestFailed does."""
        self.outcome, self.error_code = outcome, code
        self.provider_text = oauth2.masked(provider_text, self.message.secrets)

    def as_row(self) -> TokenCall:
        """The line of the log, without values and secrets."""
        parts = urlsplit(self.message.url)
        parameters, members = _parameter_names(self.message), _member_names(self.text)
        (path,), *shown = _without_secrets([[parts.path], parameters, members], self.message.secrets)
        return TokenCall(
            connection_id=self.connection_pk,
            at=self.at,
            kind=self.kind,
            user=self.user,
            method=self.message.method[:10],
            host=parts.netloc.rpartition("@")[2][:300],
            path=path[:500],
            client_authentication=self.authentication[:10],
            parameters=shown[0],
            status=self.status,
            milliseconds=round(self.seconds * 1000),
            outcome=self.outcome,
            error_code=self.error_code[:100],
            provider_text=self.provider_text,
            members=shown[1],
        )


class _Gathering:
    """Calls of one thread that are not written yet, and who asked for them."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.calls: list[Noted] = []
        self.written_at = time.monotonic()


_gathering: ContextVar[_Gathering | None] = ContextVar("gathered token calls", default=None)


@contextmanager
def gathered(user: User | None = None) -> Iterator[None]:
    """Keep what is noted in here, by this thread, until the end. `user` is whose doing it is, if anybody's.

    Inside another one, that one keeps it.
    """
    outer = _gathering.get()
    if outer is not None:
        yield
        return
    mine = _Gathering(user)
    restore = _gathering.set(mine)
    try:
        yield
    finally:
        _gathering.reset(restore)
        _write(mine.calls)


def write_now_and_then() -> None:
    """Within a batch, when nothing waits: write what is gathered, once a second or when it is much."""
    gathering = _gathering.get()
    if gathering is None:
        return
    is_time = time.monotonic() - gathering.written_at >= _WRITTEN_AFTER_SECONDS
    if is_time or len(gathering.calls) >= _WRITTEN_AT_ONCE:
        calls, gathering.calls = gathering.calls, []
        _write(calls)
        gathering.written_at = time.monotonic()


@contextmanager
def noted(
    connection_pk: UUID, kind: CallKind, message: Message, *, now: datetime, authentication: str = ""
) -> Iterator[Noted]:
    """Note one request to a token or revocation endpoint, and how it ends.

    A TokenRequestFailed raised inside says that, and goes on its way.
    """
    gathering = _gathering.get()
    user = gathering.user if gathering else None
    call = Noted(connection_pk, kind, now, user, message, authentication)
    began = time.monotonic()
    try:
        yield call
        if call.outcome is CallOutcome.INTERRUPTED:
            call.outcome = CallOutcome.SUCCEEDED
    except oauth2.TokenRequestFailed as failure:
        call.outcome = next(outcome for failed, outcome in _OUTCOMES if isinstance(failure, failed))
        call.error_code, call.provider_text = failure.code, failure.provider_text
        call.status = call.status or failure.status
        raise
    finally:
        call.seconds = time.monotonic() - began
        tallies.count(CALLED, kind=call.kind, outcome=call.outcome)
        if gathering is None:
            _write([call])
        else:
            gathering.calls.append(call)


def thin(*, now: datetime) -> int:
    """Remove what the log need not keep, some at a time; how much it was."""
    surplus = TokenCall.objects.beyond(SUCCESSES_KEPT, now - KEPT_FOR)
    # Noted a moment after their connection was deleted.
    orphans = TokenCall.objects.exclude(connection_id__in=Connection.objects.values("pk"))
    pks = {
        pk
        for calls in (surplus, orphans)
        for pk in calls.order_by().values_list("pk", flat=True)[:_SWEPT_AT_ONCE]
    }
    ordered = sorted(pks)
    for first in range(0, len(ordered), 500):
        TokenCall.objects.filter(pk__in=ordered[first : first + 500]).delete()
    return len(ordered)


def _write(calls: list[Noted]) -> None:
    if not calls:
        return
    try:
        # A savepoint where a caller's transaction is open: its other statements must not fail with this one.
        with transaction.atomic():
            TokenCall.objects.bulk_create([call.as_row() for call in calls])
    except Exception:
        # Whatever it is, who has got tokens must not lose them for their log.
        logger.exception("Could not write %d lines of the log of token calls", len(calls))


def _member_names(text: str) -> list[str]:
    """What the answer has at its top level and one level below: names only."""
    document = _read(text)
    inner = [
        f"{name}.{below}" for name, value in document.items() if isinstance(value, dict) for below in value
    ]
    return [*document, *inner]


def _parameter_names(message: Message) -> list[str]:
    """Of its query and its body."""
    in_query = parse_qsl(urlsplit(message.url).query, keep_blank_values=True)
    in_body = _read((message.body or b"").decode(errors="replace"))
    return [*(name for name, _ in in_query), *in_body]


def _read(text: str) -> dict[str, object]:
    """JSON or a form as a mapping; empty for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return dict(parse_qsl(text, keep_blank_values=True)) if _FORM.match(text) else {}
    return document if isinstance(document, dict) else {}


def _without_secrets(lists: list[list[str]], secrets: tuple[str, ...]) -> list[list[str]]:
    """The same, bounded and fit to be shown, also if somebody has put a secret into a name or a path."""
    bounded = [list(dict.fromkeys(names[:_MAX_NAMES])) for names in lists]
    rest = "\n".join(name.replace("\n", " ") for names in bounded for name in names if name not in _USUAL)
    # All at once: to find the spellings of secrets takes longer than all the rest of a line.
    masked = iter(mask(rest, secrets).split("\n"))

    def shown(name: str) -> str:
        return name if name in _USUAL else fit(next(masked, ""))[:_LONGEST_NAME]

    return [[shown(name) for name in names] for names in bounded]
