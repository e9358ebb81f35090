"""What keeps a call from being a good page: in words, with who mends it, and whether it may heal.

The two exceptions say what the engine can do: PullFailed, nothing; PullDelayed, ask again later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from connections import grants, outbound
from requests_builder import (
    destinations,
    limits,
    mapping,
    masking,
    pagination,
    reading,
    records,
    rendering,
    statuses,
    variables,
)
from requests_builder.models import DecryptionFailed, Mender
from requests_builder.runs.reach import SecretNotAllowed

MAX_QUOTED_CHARACTERS = 300
# RFC 6585 §4, RFC 9110 §15.5.9, RFC 8470 §5.2: the server says itself that it has not acted on the request.
_NOT_ACTED_ON = frozenset({408, 425, 429, 503})
_MENDERS = {
    outbound.Mender.NOBODY: Mender.NOBODY,
    outbound.Mender.EDITOR: Mender.EDITOR,
    outbound.Mender.PROVIDER: Mender.PROVIDER,
    outbound.Mender.HOST: Mender.HOST,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no good page. `code` is for programs, `sentence` for people.

    `field` names what to look at: method, url, headers, body, authorization, records_path, pagination or
    statuses; empty if it is none of them.
    """

    code: str
    sentence: str
    mender: Mender
    field: str = ""


class PullProblem(Exception):
    """A call, or what it brought, that is no good page."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.sentence)


class PullFailed(PullProblem):
    """Asking again would not help: somebody has to change something."""


class PullDelayed(PullProblem):
    """The same request may succeed later.

    `retry_after` is how long the other side wants to be left alone; `may_have_acted` says that it may have
    done what the request asks for although no good answer came.
    """

    def __init__(
        self, problem: Problem, *, retry_after: timedelta | None = None, may_have_acted: bool = False
    ) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.may_have_acted = may_have_acted


@contextmanager
def told() -> Iterator[None]:
    """Turn what the parts of a call raise into PullFailed or PullDelayed."""
    try:
        yield
    except outbound.OutboundError as error:
        raise _of_outbound(error) from error
    except grants.TokenUnavailable as error:
        raise _of_token(error) from error
    except (
        rendering.InvalidRequest,
        reading.UnreadableAnswer,
        records.InvalidPath,
        mapping.InvalidMapping,
        mapping.MappingFrozen,
        pagination.PaginationError,
        pagination.InvalidPagination,
        destinations.NoDestination,
        SecretNotAllowed,
        DecryptionFailed,
    ) as error:
        raise PullFailed(_of_ours(error)) from error


def check_status(
    answer: outbound.Answer,
    now: datetime,
    secrets: tuple[str, ...],
    *,
    is_refused: bool = False,
    lacking_scope: str | None = None,
) -> None:
    """Raise PullFailed or PullDelayed unless this is an answer to read; quotations have `secrets` masked.

    `is_refused`: it refuses the access token of a connection, whatever its status. `lacking_scope`: the scope
    that it says the token lacks, empty if it names none.
    """
    status = answer.status
    if 200 <= status < 300 and status != HTTPStatus.PARTIAL_CONTENT and not is_refused:
        return
    said = _said_by(answer, secrets)
    if lacking_scope is not None:
        sentence = f"{said}{_ask_for(lacking_scope)}"
        raise PullFailed(Problem("insufficient_scope", sentence, Mender.CONNECTION, "authorization"))
    if status < 300 and is_refused:
        raise PullFailed(Problem("unauthorized", said + _NOT_TAKEN, Mender.CONNECTION, "authorization"))
    allowance = limits.read(status, answer.headers, now)
    if allowance.is_refusal:
        raise PullDelayed(
            Problem("rate_limited", said + _TOO_MANY, Mender.NOBODY), retry_after=allowance.wait
        )
    if status in _NOT_ACTED_ON or 500 <= status < 600:
        raise PullDelayed(
            Problem("server_error", said + _ADVICE.get(status, "It is having trouble."), Mender.NOBODY),
            retry_after=allowance.wait,
            may_have_acted=status not in _NOT_ACTED_ON,
        )
    code, field, advice = _of_status(answer)
    mender = Mender.PROVIDER if code in ("partial_answer", "unexpected_status") else Mender.EDITOR
    raise PullFailed(Problem(code, said + advice, mender, field))


_NOT_TAKEN = (
    "By that it means that the access token has run out, and a new one is no help. Look whether the request "
    "goes to the right API; if it does, reconnect the connection."
)
_TOO_MANY = "It wants fewer requests."
_ADVICE = {
    408: "It waited too long for the request.",
    425: "It does not want to be asked so early.",
    503: "It is not available at the moment.",
}
_REFUSALS = {
    400: ("bad_request", "", "Look at the parameters and the body."),
    401: (
        "unauthorized",
        "authorization",
        "It does not accept the credentials. Look at Authorization, or reconnect the connection.",
    ),
    403: (
        "forbidden",
        "authorization",
        "The credentials are known, but may not do this. Look at the scopes or at the rights of the account.",
    ),
    404: ("not_found", "url", "Look at the path of the URL."),
    405: ("method_not_allowed", "method", "Choose another method."),
    407: ("proxy_refused", "", "Something between us and the API wants credentials."),
    410: ("gone", "url", "What the URL names has been removed. Look for a newer address."),
    415: ("unsupported_media_type", "headers", "Look at the Content-Type header."),
    422: ("bad_request", "", "Look at the parameters and the body."),
}


def _ask_for(scope: str) -> str:
    what = f"the scope {scope}" if scope else "a scope that this needs"
    return (
        f"The access token lacks {what}, and a new one would lack it, too. Add it under Scopes of the "
        "connection and connect again: the provider then asks for consent."
    )


def _of_status(answer: outbound.Answer) -> tuple[str, str, str]:
    """Code, field and advice for a status that no repetition will change."""
    status = answer.status
    if status in _REFUSALS:
        return _REFUSALS[status]
    if status == HTTPStatus.PARTIAL_CONTENT:
        return "partial_answer", "headers", "That is a part of an answer. Remove the Range header."
    if 300 <= status < 400:
        if answer.header("Location"):
            return (
                "redirected",
                "url",
                "That leads to another address: enter it as URL, or follow redirects (under Settings).",
            )
        return "redirected", "headers", "That is no answer with content. Look at the headers of the request."
    if 400 <= status < 500:
        return "refused", "", "It does not accept the request."
    return "unexpected_status", "", "HTTP knows no such final answer."


def check_meaning(answer: outbound.Answer, meaning: statuses.Meaning, secrets: tuple[str, ...]) -> None:
    """Raise PullFailed if the settings of the request take the status of this answer for a failure."""
    if meaning == statuses.Meaning.FAILURE:
        sentence = f"{_said_by(answer, secrets)}For this request that is a failure (Settings → Status codes)."
        raise PullFailed(Problem("status_override", sentence, Mender.EDITOR, "statuses"))


def _said_by(answer: outbound.Answer, secrets: tuple[str, ...]) -> str:
    words = _words_of(answer, secrets)
    return f"The API answered {named(answer)}" + (f": “{words}”. " if words else ". ")


def named(answer: outbound.Answer) -> str:
    """Its status as people write it: 404 Not Found."""
    reason = answer.reason
    if not reason:
        try:
            reason = HTTPStatus(answer.status).phrase
        except ValueError:
            reason = ""
    return f"{answer.status} {reason[:60]}".strip()


def _words_of(answer: outbound.Answer, secrets: tuple[str, ...]) -> str:
    """What the API itself says about its refusal, if it says so in a JSON object or in a short text."""
    try:
        document = reading.parse_json(answer.body[:100_000])
    except reading.UnreadableAnswer:
        text = answer.text().strip() if answer.media_type == "text/plain" else ""
    else:
        text = _message_in(document)
    # As the body of a request, the text is masked by the same rules as what we send.
    quoted = rendering.RenderedRequest("GET", "", body=" ".join(text.split()).encode("utf-8", "replace"))
    shown = masking.masked(quoted, secrets).body.replace("”", '"').rstrip(".")
    return shown if len(shown) <= MAX_QUOTED_CHARACTERS else shown[:MAX_QUOTED_CHARACTERS] + "…"


def _message_in(document: Any, depth: int = 3) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, list) and document and depth:
        return _message_in(document[0], depth - 1)
    if isinstance(document, dict) and depth:
        for name in ("error_description", "message", "detail", "error", "errors", "title", "reason"):
            found = _message_in(document.get(name), depth - 1)
            if found:
                return found
    return ""


def _of_outbound(error: outbound.OutboundError) -> PullFailed | PullDelayed:
    problem = Problem(str(error.code), str(error), _MENDERS[error.mender])
    if error.is_transient:
        # Unreachable: nothing was sent. Anything else may have arrived.
        return PullDelayed(problem, may_have_acted=not isinstance(error, outbound.Unreachable))
    return PullFailed(replace(problem, field="url"))


def _of_token(error: grants.TokenUnavailable) -> PullFailed | PullDelayed:
    if error.is_transient:
        problem = Problem(error.code, error.sentence, Mender.NOBODY, "authorization")
        return PullDelayed(problem, retry_after=error.retry_after)
    return PullFailed(Problem(error.code, error.sentence, Mender.CONNECTION, "authorization"))


def _of_ours(error: Exception) -> Problem:
    """The problem that one of our own parts, or a stored secret, has raised."""
    sentence, mender = getattr(error, "sentence", str(error)), Mender.EDITOR
    match error:
        case rendering.InvalidRequest(field=field):
            # All that is wrong with it, not only the first thing.
            is_undefined = isinstance(error, variables.UndefinedVariable)
            code, sentence = "undefined_variable" if is_undefined else "invalid_request", str(error)
        case reading.UnreadableAnswer(code=code):
            field = "records_path" if code in _ABOUT_THE_PATH else ""
        case records.InvalidPath(code=code):
            field = "records_path"
        case mapping.InvalidMapping(code=code) | mapping.MappingFrozen(code=code):
            field = "mapping"
        case pagination.PaginationError(code=code):
            field = "pagination"
        case pagination.InvalidPagination():
            code, field = "invalid_pagination", "pagination"
        case SecretNotAllowed(code=code):
            field = "url"
        case destinations.NoDestination():
            code, field = "no_destination", ""
        case _:
            code, field, mender = "secret_unreadable", "authorization", Mender.HOST
            sentence = (
                "A stored secret cannot be read with the encryption keys of this installation. Whoever hosts "
                "it has to put the missing key back; entering the secret again helps, too."
            )
    return Problem(code, sentence, mender, field)


_ABOUT_THE_PATH = frozenset({"records_not_found", "records_wrong_type", "too_many_columns"})
