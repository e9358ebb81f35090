"""PURE. OAuth 2.0 from the client's side (RFC 6749, 7009, 7636): values → message, message → values.

`dialect` says how a server strays from them, `authorization` is the way of the browser, `requests` what the
client sends to the token endpoint, made of `messages`; `answers` and `refusals` are what comes back, and
`revocation` is both for tokens that are to end.
"""

from .answers import TokenAnswer, missing_scopes, read_token_reply
from .authorization import PkcePair, authorization_url, new_pkce_pair, new_state
from .callbacks import (
    IMPLICIT_ANSWER,
    AuthorizationAnswer,
    AuthorizationRefused,
    Refusal,
    callback_state,
    listed_parameters,
    read_callback,
)
from .messages import Authentication, Client, Message
from .refusals import (
    AnotherAccount,
    ClientRejected,
    GrantRejected,
    Reply,
    ServerUnavailable,
    StillGood,
    TokenRequestFailed,
    UnknownRefusal,
    UnreadableAnswer,
)
from .requests import (
    Known,
    client_request,
    code_request,
    exchange_request,
    follow_up_request,
    refresh_request,
)
from .revocation import authentication_for, read_revocation_reply, revocation_request, tokens_to_end
from .words import masked

__all__ = [
    "IMPLICIT_ANSWER",
    "AnotherAccount",
    "Authentication",
    "AuthorizationAnswer",
    "AuthorizationRefused",
    "Client",
    "ClientRejected",
    "GrantRejected",
    "Known",
    "Message",
    "PkcePair",
    "Refusal",
    "Reply",
    "ServerUnavailable",
    "StillGood",
    "TokenAnswer",
    "TokenRequestFailed",
    "UnknownRefusal",
    "UnreadableAnswer",
    "authentication_for",
    "authorization_url",
    "callback_state",
    "client_request",
    "code_request",
    "exchange_request",
    "follow_up_request",
    "listed_parameters",
    "masked",
    "missing_scopes",
    "new_pkce_pair",
    "new_state",
    "read_callback",
    "read_revocation_reply",
    "read_token_reply",
    "refresh_request",
    "revocation_request",
    "tokens_to_end",
]
