"""A team's connections, requests and schedules as one file that belongs in Git.

Applying is idempotent by name and all or nothing: what the file names is made or changed, what it does not
name is left alone. What a page would refuse is refused here by the same forms.

documents       reading a file
environment     `${NAME}` in it, in both directions
checking        keys that are known, texts that are texts
applying        the whole document in one transaction
members, connections, variables, saved_requests, bodies, writing, manners, scheduling    one entry each
saving          what the forms say, in the words of the file
keys            what things are called in the file
exporting       a team as a file
"""

from .applying import apply
from .changes import Changes
from .documents import load
from .errors import InvalidManifest
from .exporting import export

__all__ = ["Changes", "InvalidManifest", "apply", "export", "load"]
