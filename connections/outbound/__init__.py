"""The one door to the outside: everything that leaves the product goes through it.

Public addresses only, unless OUTBOUND_ALLOW lists them, checked where the socket is opened and again at each
redirect; credentials never follow to another origin; time, size and decompression are bounded.

    with Door() as door:
        answer = door.send("GET", "https://api.example/contacts", headers=[("Authorization", "Bearer ...")])

    addresses   URLs and addresses: what may be called
    messages    the request as sent, the answer as received
    decoding    content codings under a budget
    wire        reading under a deadline, framing
    shelf       connections kept open
    connecting  look-up, check, connection, TLS
    door        the call and its redirects
"""

from .addresses import Allowance, Origin
from .connecting import Resolve
from .door import Door, check_url, check_url_for_secrets, origin_for_secrets
from .errors import Code, Interrupted, Mender, OutboundError, Refused, Unreachable, Unusable
from .messages import Answer, Hop, Timings
from .shelf import Shelf
from .wire import Budget, Watch

__all__ = [
    "Allowance",
    "Answer",
    "Budget",
    "Code",
    "Door",
    "Hop",
    "Interrupted",
    "Mender",
    "Origin",
    "OutboundError",
    "Refused",
    "Resolve",
    "Shelf",
    "Timings",
    "Unreachable",
    "Unusable",
    "Watch",
    "check_url",
    "check_url_for_secrets",
    "origin_for_secrets",
]
