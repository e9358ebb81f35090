"""Why there is no access token, by who can do something about it."""

from datetime import timedelta
from typing import ClassVar


class TokenUnavailable(Exception):
    """No access token can be had now. `str()` tells people what happened, and who mends it how."""

    code: ClassVar[str]
    is_transient: ClassVar[bool] = False

    def __init__(self, sentence: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after


class RefreshUnderway(TokenUnavailable):
    """Somebody else has been refreshing it for longer than a caller can wait."""

    code = "refresh_underway"
    is_transient = True


class ProviderUnavailable(TokenUnavailable):
    """The authorization server does not answer; the background tries again, not before `retry_after`."""

    code = "provider_unavailable"
    is_transient = True


class TokenRejected(TokenUnavailable):
    """The API refuses even a token that was renewed a moment ago: renewing it again is no help."""

    code = "token_rejected"


class ReconnectRequired(TokenUnavailable):
    """A person must give consent again."""

    code = "reconnect_required"


class ConnectionMisconfigured(TokenUnavailable):
    """The authorization server refuses the client: who edits the connection must mend it."""

    code = "connection_misconfigured"
