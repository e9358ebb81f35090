"""`{{ name }}` in a request: what it stands for, put in as its place wants it. PURE.

    {{ api_version }}                        a variable of the request, or of its team
    {{ connection.instance_url }}            what the provider of the connection told
    {{ today - 7 days | date:"%d.%m.%Y" }}   a date
    {{ last_run.due_at or "2026-01-01" }}    with something else until there is one

Filled once, from left to right: what a value holds is text, never another variable. `\\{{` is the text `{{`,
and braces around anything that does not begin like a name stay as they are.

syntax     what stands between the braces
moments    dates: from where, how far, written how
known      what the names stand for
names      how variables may be called
places     how a value is written where it stands
filling    a template with its variables replaced
examples   for people who look for them
sealing    secrets: a number in the place of each, until the request leaves
"""

from .examples import EXAMPLES
from .filling import Filled, UndefinedVariable, fill, filled, has_any, is_stand_in, names_in, stand_ins
from .known import SOME_MOMENT, Known, Secret
from .moments import is_timezone
from .names import MAX_NAME_LENGTH, TIMEZONE, objection_to_name
from .sealing import Seal, revealed, sealed
from .syntax import is_reference, used_names

__all__ = [
    "EXAMPLES",
    "MAX_NAME_LENGTH",
    "SOME_MOMENT",
    "TIMEZONE",
    "Filled",
    "Known",
    "Seal",
    "Secret",
    "UndefinedVariable",
    "fill",
    "filled",
    "has_any",
    "is_reference",
    "is_stand_in",
    "is_timezone",
    "names_in",
    "objection_to_name",
    "revealed",
    "sealed",
    "stand_ins",
    "used_names",
]
