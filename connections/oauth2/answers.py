"""What comes back from the token endpoint (RFC 6749 §5), read by its shape.

Servers stray: success without the right Content-Type, errors with status 200, errors in errors. So the
body decides before the status does.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .dialect import Dialect, member_at
from .documents import claims_of, parsed, spelled, text_of
from .lives import access_life, refresh_life, says_no_end
from .refusals import Reply, UnreadableAnswer, failure, first_words, server_time
from .requests import PLAIN
from .words import masked

MAX_TOKEN_LENGTH = 16 * 1024
_LONGEST_KEPT = 2000
_LONGEST_ACCOUNT = 200

_HEADER_SAFE = re.compile(r"[\x20-\x7e]+")
_SCOPES = ("scope", "scopes", "granted_scopes")
_UNUSABLE_TYPES = frozenset({"mac", "dpop", "pop", "hmac"})


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Tokens as granted (RFC 6749 §5.1). Empty or None: not said, or nonsense."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    token_type: str = ""
    scope: str = ""
    life: timedelta | None = None
    refresh_life: timedelta | None = None
    # Whether it was said that the refresh token has no end; nobody's guess about its life counts then.
    refresh_has_no_end: bool = False
    # Whose grant it is: for people, and in the server's own identifier.
    account: str = ""
    account_id: str = ""
    # The members that the dialect names, by their path, as text.
    kept: Mapping[str, str] = field(default_factory=dict)
    # Where in the answer another access token was, that is not the one taken.
    other_path: str = ""


def read_token_reply(
    reply: Reply,
    dialect: Dialect = PLAIN,
    *,
    now: datetime,
    secrets: Iterable[str] = (),
    said: Mapping[str, str] | None = None,
) -> TokenAnswer:
    """The tokens in an answer to a token request.

    `secrets` is what we sent and may get back in an error; `said` what the callback told besides, which
    stands in for members that the answer does not have. Raises a TokenRequestFailed.
    """
    document = parsed(reply.text)
    refusal = first_words(document)
    places = _places(document, dialect)
    if refusal.is_error or not places:
        raise failure(reply, document, refusal, rules=dialect.rules, now=now, secrets=tuple(secrets))
    _, members = places[0]
    token = members["access_token"]
    token_type = text_of(members.get("token_type"))
    _check_token(token, token_type, reply.status)
    assert isinstance(token, str)
    server_now = server_time(reply) or now
    callback = said or {}
    whole = {**callback, **document} if isinstance(document, dict) else callback
    account_id, account = _account(whole, members, dialect)
    return TokenAnswer(
        access_token=token,
        refresh_token=_refresh_token(members),
        token_type=token_type[:50],
        scope=_scope(members) or _scope(callback),
        life=access_life(members, token, server_now),
        refresh_life=refresh_life(members, server_now),
        refresh_has_no_end=says_no_end(members),
        account=account,
        account_id=account_id,
        kept=_kept(whole, members, dialect),
        other_path=places[1][0] if len(places) > 1 else "",
    )


def missing_scopes(asked: str, granted: str) -> list[str]:
    """What was asked for and not granted; nothing when the server did not say what it granted.

    Servers separate by blanks or commas. Some are never echoed although granted, and Google spells two
    of OpenID's as URLs.
    """
    given = set(re.split(r"[\s,]+", granted.strip())) - {""}
    if not given:
        return []
    given |= {"openid", "offline_access"}
    given |= {scope.rpartition(".")[2] for scope in given if scope.startswith(_GOOGLE_USERINFO)}
    return [
        scope for scope in dict.fromkeys(re.split(r"[\s,]+", asked.strip())) if scope and scope not in given
    ]


_GOOGLE_USERINFO = "https://www.googleapis.com/auth/userinfo."


# Where the tokens are -------------------------------------------------------------------------------


def _places(document: object, dialect: Dialect) -> list[tuple[str, Mapping[str, object]]]:
    """The dialect's paths at which there is an access token, with the members beside it in standard names."""
    found: list[tuple[str, Mapping[str, object]]] = []
    for path in dialect.token_paths:
        container = member_at(document, path)
        named = {}
        if path and isinstance(container, str):
            # It leads to the token itself; the rest of the answer stands around that.
            above = path.rpartition(".")[0]
            container, named = member_at(document, above), {"access_token": container}
        if isinstance(container, dict):
            members = {**container, **_translated(container, dialect), **named}
            if members.get("access_token"):
                found.append((path, members))
    return found


def _translated(container: Mapping[str, object], dialect: Dialect) -> dict[str, object]:
    return {
        standard: container[name] for standard, name in dialect.answer_members.items() if name in container
    }


# Members --------------------------------------------------------------------------------------------


def _check_token(token: object, token_type: str, status: int) -> None:
    if not isinstance(token, str):
        raise UnreadableAnswer("", "The access_token is not text.", status=status, is_lost=True)
    if len(token) > MAX_TOKEN_LENGTH:
        raise UnreadableAnswer("", "The access_token is longer than 16 kB.", status=status, is_lost=True)
    if not _HEADER_SAFE.fullmatch(token):
        raise UnreadableAnswer(
            "", "The access_token has characters that no header can carry.", status=status, is_lost=True
        )
    if token_type.lower() in _UNUSABLE_TYPES:
        raise UnreadableAnswer(
            "", f"The token_type {token_type} asks for signed requests, which we do not make.", status=status
        )


def _refresh_token(members: Mapping[str, object]) -> str | None:
    token = members.get("refresh_token")
    return token if isinstance(token, str) and 0 < len(token) <= MAX_TOKEN_LENGTH else None


def _scope(members: Mapping[str, object]) -> str:
    value = next(filter(None, map(members.get, _SCOPES)), "")
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    return text_of(value)[:10_000]


def _kept(document: object, members: Mapping[str, object], dialect: Dialect) -> dict[str, str]:
    """What the dialect names and nothing else. Numbers keep their digits; a token is never among it."""
    tokens = (members["access_token"], members.get("refresh_token"))
    of_callback = (name for name in dialect.callback_parameters if name not in _SCOPES)
    paths = dict.fromkeys((*dialect.kept, *of_callback))
    found = {path: spelled(_member(document, members, path)) for path in paths}
    return {
        path: value
        for path, value in found.items()
        if value and len(value) <= _LONGEST_KEPT and value not in tokens
    }


def _account(document: object, members: Mapping[str, object], dialect: Dialect) -> tuple[str, str]:
    """Whose grant it is: the server's identifier, and words for people.

    From the members that the dialect names, or from an id_token that came straight from the server
    (OpenID Connect §3.1.3.7). Never now from this and then from that, or one account would look like two.
    """
    claims = claims_of(members.get("id_token"))
    if dialect.account_members:
        parts = [spelled(_member(document, members, path)) for path in dialect.account_members]
        account_id = "/".join(part for part in parts if part)
    else:
        account_id = text_of(claims.get("sub"))
    named = (text_of(claims.get(name)) for name in ("email", "preferred_username", "name"))
    account = next(filter(None, named), account_id)
    return account_id[:_LONGEST_ACCOUNT], masked(account)[:_LONGEST_ACCOUNT]


def _member(document: object, members: Mapping[str, object], path: str) -> object:
    """A member beside the token, or else one of the whole answer."""
    found = member_at(members, path)
    return member_at(document, path) if found is None else found
