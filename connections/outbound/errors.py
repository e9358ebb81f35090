"""What can go wrong on the way out, told by what the caller can do about it. PURE."""

from enum import StrEnum


class Code(StrEnum):
    """The stable name of a failure: stored with runs and read by programs, never reworded."""

    EGRESS_BLOCKED = "egress_blocked"
    INVALID_URL = "invalid_url"
    INVALID_HEADER = "invalid_header"
    DNS_ERROR = "dns_error"
    CONNECT_FAILED = "connect_failed"
    TLS_ERROR = "tls_error"
    DEADLINE = "deadline"
    TRANSPORT_ERROR = "transport_error"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    DECODE_ERROR = "decode_error"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    CROSS_ORIGIN_REDIRECT = "cross_origin_redirect"
    INSECURE_REDIRECT = "insecure_redirect"
    CANCELLED = "cancelled"


class Mender(StrEnum):
    """Who can mend a failure."""

    NOBODY = "nobody: it may heal by itself"
    EDITOR = "who edits the request"
    PROVIDER = "who runs the API"
    HOST = "who hosts the product"


_HEALS = frozenset({Code.DNS_ERROR, Code.CONNECT_FAILED, Code.DEADLINE, Code.TRANSPORT_ERROR, Code.TRUNCATED})
_MENDERS = {
    Code.EGRESS_BLOCKED: Mender.HOST,
    Code.TLS_ERROR: Mender.PROVIDER,
    Code.DECODE_ERROR: Mender.PROVIDER,
    Code.INSECURE_REDIRECT: Mender.PROVIDER,
    Code.CANCELLED: Mender.NOBODY,
}


class OutboundError(Exception):
    """A call that brought no answer. `str()` is a sentence for the user, without any secret.

    `is_transient` says whether the same call may succeed later; `mender` who can do something about it.
    Deliberately no OSError: urllib3 wraps those, and may send the request again.
    """

    code: Code
    is_transient: bool
    mender: Mender

    def __init__(
        self, code: Code, sentence: str, *, is_transient: bool | None = None, mender: Mender | None = None
    ) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.is_transient = code in _HEALS if is_transient is None else is_transient
        self.mender = mender or (Mender.NOBODY if self.is_transient else _MENDERS.get(code, Mender.EDITOR))

    def __str__(self) -> str:
        return str(self.args[1])


class Refused(OutboundError):
    """We do not send this, however often it is tried: the request or the settings must change."""


class Unreachable(OutboundError):
    """Nothing was sent, because no connection came about: any method may be tried again."""


class Interrupted(OutboundError):
    """Sent, but no whole answer came back: the other side may have acted on it."""


class Unusable(OutboundError):
    """The other side answered, and the answer is one that we do not take."""
