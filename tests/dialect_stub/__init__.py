"""Authorization servers with the rules of our catalogue's entries, at the socket.

    with DialectStub("zoho") as stub:              # the entry moved to this machine, and known to the product
        callback = stub.consent(url)               # as the browser of somebody who allows it
        stub.expire(); stub.kill()                 # ... and what it answers then is in the provider's words

A request that strays from the entry, by a parameter too many even, is refused with a list of what is wrong;
`stub.problems` has it.

    entries     the catalogue's entries, moved to another address
    expected    what is wrong with a request; shapes: what each kind has to be like, read from an entry
    words       answers that mean what a rule of an entry says
    server      the endpoints, grants and tokens
"""

from .entries import moved_catalogue
from .server import CLIENT_ID, CLIENT_SECRET, DialectStub

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "DialectStub", "moved_catalogue"]
