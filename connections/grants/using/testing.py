"""Test connection: whether the token renews, and whether an API takes it."""

import json
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit, urlunsplit

from accounts.models import User, Verb
from connections import oauth2, outbound
from connections.grants import auditing
from connections.grants.asking import history
from connections.grants.asking.dialects import provider_of
from connections.grants.asking.sending import refuse_in_transaction
from connections.grants.errors import TokenUnavailable
from connections.grants.renewal.refreshing import fresh_token, refresh
from connections.models import CallKind, CallOutcome, Connection, Token
from connections.oauth2.refusals import first_words
from connections.oauth2.words import without_markup

from .apis import Access, access, lacking_scope, renewed, variables_of
from .hosts import filled, is_fillable

_BUDGET = outbound.Budget(connect_seconds=5.0, total_seconds=20.0, max_body_bytes=1024 * 1024)
# A token that was renewed so lately has just been tested; some providers count renewals.
_LATELY = timedelta(minutes=1)
# Parts of addresses that answer with whose token it is; any other answer may be about somebody else.
_OWN = frozenset({"me", "myself", "self", "userinfo", "whoami"})
# Where they say it, the most telling first; at the top or one level down.
_ACCOUNT_NAMES = ("email", "mail", "preferred_username", "login", "username", "display_name", "name")


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test. `sentence` tells it, `advice` what to do about it."""

    is_good: bool
    sentence: str
    advice: str = ""
    provider_text: str = ""
    # The address that was called, without its query; empty: no API was called.
    address: str = ""
    status: str = ""
    seconds: float = 0.0
    account: str = ""


def url_to_test(connection: Connection) -> str:
    """The address that a test calls unless somebody types another; empty if none is known."""
    provider = provider_of(connection)
    template = connection.test_url or (provider.test_url if provider else "")
    values = variables_of(connection)
    return filled(template, values) if is_fillable(template, values) else ""


def try_out(connection: Connection, *, url: str, user: User, now: datetime) -> Tried:
    """Renew the token if that tells anything, and GET `url` with it; without one, only the former.

    Never raises for what a provider or an API does: that is the result.
    """
    refuse_in_transaction()
    clock = _clock(now)
    with history.gathered(user):
        try:
            tried = _call(connection, url, clock) if url else _renew(connection, clock)
        except TokenUnavailable as unavailable:
            tried = Tried(False, "No API was called.", unavailable.sentence)
        except outbound.OutboundError as error:
            tried = Tried(False, "The API was not reached.", str(error), address=_shown(url))
    detail = {"Result": tried.status or tried.sentence, "Address": tried.address}
    auditing.record(Verb.TESTED, connection, user=user, now=now, detail=detail)
    return tried


def remember_test_url(connection: Connection, url: str) -> None:
    """Have the next test call this address. The caller has checked who asks."""
    Connection.objects.filter(pk=connection.pk).exclude(test_url=url).update(test_url=url)
    connection.test_url = url


# Only the token -------------------------------------------------------------------------------------


def _renew(connection: Connection, clock: Callable[[], datetime]) -> Tried:
    began = time.monotonic()
    token = Token.objects.filter(connection_id=connection.pk).first()
    may_renew = token is not None and token.has_refresh_token
    if token is None or not may_renew or clock() - token.obtained_at < _LATELY:
        fresh_token(connection, now=clock())
        sentence = "There is a token, and it has not run out. Only that was tested: no API was called."
        return Tried(True, sentence, _ADVICE_ON_URL)
    refresh(connection, now=clock())
    return Tried(
        True,
        "The provider has renewed the token. Only that was tested: no API was called.",
        _ADVICE_ON_URL,
        seconds=time.monotonic() - began,
    )


_ADVICE_ON_URL = "Enter the address of an API that the token is for, to test the whole way."


# A call ---------------------------------------------------------------------------------------------


def _call(connection: Connection, url: str, clock: Callable[[], datetime]) -> Tried:
    granted = access(connection, url, now=clock())
    with outbound.Door() as door:
        answer, seconds = _get(connection, door, url, granted, clock())
        signal = granted.signal_in(answer)
        if signal is not None:
            try:
                again = renewed(connection, granted, signal, url, now=clock())
            except TokenUnavailable as unavailable:
                return _refused(answer, url, unavailable, seconds)
            if again is not None:
                granted = again
                answer, seconds = _get(connection, door, url, granted, clock())
    account = _account_in(answer) if 200 <= answer.status < 300 and _tells_account(connection, url) else ""
    if account:
        Token.objects.filter(connection_id=connection.pk, account="").update(account=account)
    is_good, sentence, advice = _judged(answer)
    words = "" if is_good else _said(answer, granted.secrets)
    return Tried(
        is_good,
        sentence,
        advice,
        provider_text=words,
        address=_shown(url),
        status=_status(answer),
        seconds=seconds,
        account=account,
    )


def _refused(answer: outbound.Answer, url: str, why: TokenUnavailable, seconds: float) -> Tried:
    return Tried(
        False,
        "The API refuses the token, and another one could not be had.",
        why.sentence,
        address=_shown(url),
        status=_status(answer),
        seconds=seconds,
    )


def _get(
    connection: Connection, door: outbound.Door, url: str, granted: Access, now: datetime
) -> tuple[outbound.Answer, float]:
    """The answer, and how many seconds it took."""
    headers = [("Accept", "application/json"), *granted.headers]
    if granted.is_parameter:
        url = _with_parameter(url, granted.name, granted.value)
    else:
        headers.append((granted.name, granted.value))
    message = oauth2.Message(url, tuple(headers), b"", granted.secrets, method="GET")
    began = time.monotonic()
    with history.noted(connection.pk, CallKind.TEST, message, now=now) as call:
        try:
            answer = door.send("GET", url, headers=headers, budget=_BUDGET)
        except outbound.OutboundError as error:
            call.judged(CallOutcome.UNAVAILABLE, error.code, str(error))
            raise
        call.answered(oauth2.Reply(answer.status, answer.text()))
        if granted.signal_in(answer) is not None:
            call.judged(CallOutcome.GRANT_REFUSED)
        elif answer.status >= 500:
            call.judged(CallOutcome.UNAVAILABLE)
        elif answer.status >= 300:
            call.judged(CallOutcome.UNKNOWN_REFUSAL)
    return answer, time.monotonic() - began


def _judged(answer: outbound.Answer) -> tuple[bool, str, str]:
    """Whether that is good, what it means, and what to do."""
    if 200 <= answer.status < 300:
        return True, "The API takes the token.", ""
    if (scope := lacking_scope(answer)) is not None:
        wanted = f"the scope {scope}" if scope else "another scope"
        return False, f"The API wants {wanted}.", "Add it under Edit, Scopes, then press Reconnect."
    meanings = ((meaning, advice) for found, meaning, advice in _MEANINGS if answer.status in found)
    return False, *next(meanings, _UNKNOWN)


_UNKNOWN = ("The API does not like the call.", "Its own words say why. Check the address.")
_MEANINGS: tuple[tuple[Container[int], str, str], ...] = (
    (
        range(300, 400),
        "The API sends callers on to another address.",
        "Test with the address that it leads to.",
    ),
    (
        (401,),
        "The API refuses the token, though its provider calls it good.",
        "Check that the address is of the API that this connection is for; if it is, press Reconnect.",
    ),
    (
        (403,),
        "The API knows the token, and does not let it do this.",
        "Check Scopes, and what the account may do at the provider; or test with another address.",
    ),
    (
        (404, 405, 410),
        "The API has nothing at this address; the token was not refused.",
        "Check the address for a typo.",
    ),
    (
        (429,),
        "The API has been called too often; the token was not refused.",
        "Test again later.",
    ),
    (
        range(500, 600),
        "The API is out of order for the moment; the token was not refused.",
        "Test again in a few minutes.",
    ),
)


def _said(answer: outbound.Answer, secrets: tuple[str, ...]) -> str:
    """The error in the answer, in its own words."""
    words = first_words(_document(answer))
    told = ": ".join(filter(None, (*words.codes[:1], words.description)))
    return oauth2.masked(told or without_markup(answer.text()), secrets)


def _document(answer: outbound.Answer) -> object:
    try:
        document: object = json.loads(answer.text())
    except (ValueError, RecursionError):
        return None
    return document


def _tells_account(connection: Connection, url: str) -> bool:
    """Whether an address answers with the account that the token is of."""
    provider = provider_of(connection)
    known = filled(provider.test_url, variables_of(connection)) if provider else ""
    return url == known or not _OWN.isdisjoint(urlsplit(url).path.lower().split("/"))


def _account_in(answer: outbound.Answer) -> str:
    """Whose token it is, as far as the answer tells."""
    document = _document(answer)
    if not isinstance(document, dict):
        return ""
    inner = [value for value in document.values() if isinstance(value, dict)]
    for part in (document, *inner):
        for name in _ACCOUNT_NAMES:
            value = part.get(name)
            if isinstance(value, str) and value.strip():
                return oauth2.masked(value)[:200]
    return ""


def _with_parameter(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    pair = f"{quote(name, safe='')}={quote(value, safe='')}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair, fragment=""))


def _status(answer: outbound.Answer) -> str:
    return f"{answer.status} {oauth2.masked(answer.reason)}".strip()[:100]


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return oauth2.masked(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _clock(now: datetime) -> Callable[[], datetime]:
    """Moments that follow `now` as time passes."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)
