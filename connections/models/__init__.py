"""OAuth 2.0 clients and the tokens that they hold.

A connection is what people edit; its token is what workers write. They are two rows, so that neither
overwrites the other.
"""

from connections.encryption import DecryptionFailed

from .authorization import (
    AUTHORIZATION_REQUEST_LIFE,
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
)
from .connection import (
    ClientAuthentication,
    Connection,
    ConnectionQuerySet,
    ConnectionState,
    GrantType,
    Pkce,
    TokenBody,
)
from .history import CallKind, CallOutcome, TokenCall
from .notices import Notice, NoticeDismissal, NoticeKind, NoticeMail, NoticeSubject
from .presets import SharedClient, TeamPreset
from .server import Circuit, TokenHost
from .token import MINIMUM_LIFE, REFRESH_LEASE, SHORTEST_SPACING, DiscardedToken, Token

__all__ = [
    "AUTHORIZATION_REQUEST_LIFE",
    "MINIMUM_LIFE",
    "REFRESH_LEASE",
    "SHORTEST_SPACING",
    "AuthorizationRequest",
    "AuthorizationState",
    "AuthorizationStep",
    "CallKind",
    "CallOutcome",
    "Circuit",
    "ClientAuthentication",
    "Connection",
    "ConnectionQuerySet",
    "ConnectionState",
    "DecryptionFailed",
    "DiscardedToken",
    "GrantType",
    "Notice",
    "NoticeDismissal",
    "NoticeKind",
    "NoticeMail",
    "NoticeSubject",
    "Pkce",
    "SharedClient",
    "TeamPreset",
    "Token",
    "TokenBody",
    "TokenCall",
    "TokenHost",
]
