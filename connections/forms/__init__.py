"""What people type about a connection.

connection     the form: the six fields, and the rules between fields
advanced       the fields of Advanced, in their sections
placeholders   `{subdomain}` in an address, and a field for each
presets        connections whose addresses are known
known          what the catalogue knows of the server, in words
binding        where a client secret would go
fields         fields for parameters, headers, hosts, signals
addresses      what an endpoint's address must be
typed          what stands in the form by now
"""

from .addresses import clean_endpoint, origin, refuse_half_address
from .advanced import SECTIONS
from .connection import ADDRESSES, ENTER_AGAIN, NAME_TAKEN, SENT_TWICE, ConnectionForm
from .known import Missing, missing, usual_provider
from .placeholders import PREFIX, PlaceholderField
from .presets import PRESET_NAME_TAKEN, CatalogueForm, PresetForm, SavePresetForm, TeamPresetForm
from .typed import as_typed, discovered_values, typed_so_far

__all__ = [
    "ADDRESSES",
    "ENTER_AGAIN",
    "NAME_TAKEN",
    "PREFIX",
    "PRESET_NAME_TAKEN",
    "SECTIONS",
    "SENT_TWICE",
    "CatalogueForm",
    "ConnectionForm",
    "Missing",
    "PlaceholderField",
    "PresetForm",
    "SavePresetForm",
    "TeamPresetForm",
    "as_typed",
    "clean_endpoint",
    "discovered_values",
    "missing",
    "origin",
    "refuse_half_address",
    "typed_so_far",
    "usual_provider",
]
