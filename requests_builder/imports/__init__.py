"""Files of requests that somebody has before them: kept for a while, and turned into requests.

typed    a draft as the builder's controls would hold it
keeping  what was in a file, encrypted, for the one who brought it
saving   several of its requests at once
"""

from .keeping import Import, Item, find, keep, mark_saved, picked
from .saving import MOST_AT_ONCE, Saved, save_several
from .typed import Typed, as_typed, begun

__all__ = [
    "MOST_AT_ONCE",
    "Import",
    "Item",
    "Saved",
    "Typed",
    "as_typed",
    "begun",
    "find",
    "keep",
    "mark_saved",
    "picked",
    "save_several",
]
