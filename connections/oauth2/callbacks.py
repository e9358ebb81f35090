"""What the browser brings back from the authorization endpoint (RFC 6749 §4.1.2; RFC 9207)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .dialect import Dialect
from .requests import PLAIN
from .words import masked

MAX_VALUE_LENGTH = 8 * 1024
IMPLICIT_ANSWER = (
    "The provider answered with the implicit flow: it sent an access token in the address instead of a code. "
    "Allow the authorization code flow for this app at the provider, then try again."
)

# Whatever else a callback carries is neither read nor kept nor passed on, unless the dialect names it.
_LISTED = (
    "state",
    "code",
    "iss",
    "error",
    "error_description",
    "error_reason",
    "error_message",
    "success",
    "setup_action",
)
_LONGEST_SAID = 2000
_DECLINED = frozenset(
    {
        "access_denied",
        "consent_denied",
        "user_cancelled",
        "user_cancelled_authorize",
        "user_cancelled_login",
        "user_denied",
    }
)
_CLIENT_ERRORS = frozenset(
    {"invalid_client", "invalid_client_id", "unauthorized_client", "unsupported_response_type"}
)
# RFC 6749 appendix A: codes and states are visible ASCII or spaces.
_SENDABLE = re.compile(r"[\x20-\x7e]+")


class Refusal(StrEnum):
    """What stands behind a callback without a usable code, by what the user can do about it."""

    DECLINED = "declined"
    BLOCKED = "blocked"
    AWAITS_OWNER = "awaits_owner"
    SCOPES = "scopes"
    CLIENT = "client"
    REDIRECT_URI = "redirect_uri"
    PKCE = "pkce"
    UNAVAILABLE = "unavailable"
    NO_CODE = "no_code"
    REPEATED = "repeated"
    IMPLICIT = "implicit"
    UNREADABLE = "unreadable"
    OTHER = "other"


class AuthorizationRefused(Exception):
    """The browser came back without a code. `code` and `description` are the provider's, fit to be shown."""

    def __init__(self, refusal: Refusal, code: str = "", description: str = "") -> None:
        super().__init__(refusal, code, description)
        self.refusal = refusal
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class AuthorizationAnswer:
    """A code to be exchanged, and who the server says it is (RFC 9207; empty: it says nothing).

    `said` has the further parameters that the dialect names.
    """

    code: str = field(repr=False)
    issuer: str = ""
    said: Mapping[str, str] = field(default_factory=dict)


def callback_state(parameters: Mapping[str, Sequence[str]]) -> str | None:
    """The one `state` of a callback; None if there is none, several, or none that we can have made."""
    values = parameters.get("state", ())
    if len(values) != 1 or len(values[0]) > MAX_VALUE_LENGTH or not _SENDABLE.fullmatch(values[0]):
        return None
    return values[0]


def listed_parameters(
    parameters: Mapping[str, Sequence[str]], dialect: Dialect = PLAIN
) -> list[tuple[str, str]]:
    """What of a callback is ours to read, to pass a form_post on as a GET. Repeated ones stay repeated."""
    return [(name, value) for name in _listed(dialect) for value in parameters.get(name, ())]


def read_callback(parameters: Mapping[str, Sequence[str]], dialect: Dialect = PLAIN) -> AuthorizationAnswer:
    """The code that the authorization server sent with the browser (RFC 6749 §4.1.2).

    Raises AuthorizationRefused.
    """
    if repeated := [name for name in _listed(dialect) if len(parameters.get(name, ())) > 1]:
        raise AuthorizationRefused(Refusal.REPEATED, description=", ".join(repeated))
    said = {name: values[0] for name, values in parameters.items() if values and values[0]}
    if error := said.get("error"):
        raise _refused(error, said)
    if said.get("success") in ("0", "false"):
        raise AuthorizationRefused(Refusal.DECLINED, description="success=0")
    code = said.get(dialect.code_parameter)
    if not code:
        raise _without_code(said)
    if len(code) > MAX_VALUE_LENGTH or not _SENDABLE.fullmatch(code):
        raise AuthorizationRefused(Refusal.UNREADABLE)
    return AuthorizationAnswer(code, said.get("iss", ""), _further(said, dialect))


def _listed(dialect: Dialect) -> tuple[str, ...]:
    """Every name that is read."""
    further = (*dialect.callback_parameters, *dialect.callback_placeholders)
    return tuple(dict.fromkeys((*_LISTED, dialect.code_parameter, *further)))


def _further(said: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    names = (*dialect.callback_parameters, *dialect.callback_placeholders)
    return {
        name: said[name]
        for name in names
        if name in said and len(said[name]) <= _LONGEST_SAID and said[name].isprintable()
    }


def _refused(error: str, said: Mapping[str, str]) -> AuthorizationRefused:
    description = said.get("error_description") or said.get("error_message") or said.get("error_reason", "")
    refusal = _meaning(error.lower(), description.lower())
    if said.get("error_reason") == "user_denied":
        refusal = Refusal.DECLINED
    return AuthorizationRefused(refusal, masked(error)[:100], masked(description))


def _meaning(error: str, description: str) -> Refusal:
    said = f"{error} {description}".replace("_", " ")
    rules = (
        (error in _DECLINED, Refusal.DECLINED),
        ("blocked" in error or "blocked by admin" in said, Refusal.BLOCKED),
        (error == "invalid_scope", Refusal.SCOPES),
        ("code challenge" in said or "pkce" in said, Refusal.PKCE),
        ("redirect ur" in said, Refusal.REDIRECT_URI),
        (error in _CLIENT_ERRORS, Refusal.CLIENT),
        (error in ("server_error", "temporarily_unavailable"), Refusal.UNAVAILABLE),
    )
    return next((refusal for applies, refusal in rules if applies), Refusal.OTHER)


def _without_code(said: Mapping[str, str]) -> AuthorizationRefused:
    if "access_token" in said:
        return AuthorizationRefused(Refusal.IMPLICIT)
    if said.get("setup_action") == "request":
        return AuthorizationRefused(Refusal.AWAITS_OWNER)
    # The names may help; the values may be anything, a credential among them.
    return AuthorizationRefused(Refusal.NO_CODE, description=masked(", ".join(sorted(said))))
