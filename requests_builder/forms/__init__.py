"""What people type about requests and schedules, and the sentences for what is wrong with it.

saved_request    the form of a request, on the page and for an entry of a team's file
body             its fields for a body
authorization    its fields for a credential
pagination       its fields for the pages of an answer
mapping          its field for what becomes of the records
writing          its fields for how records become rows
settings         its fields for what a page may cost
pairs            rows of a name and a value
importing        the form that a file of requests comes in by
feed             a new feed of a table
schedule         when a request runs by itself
variables        the variables of a request, and the form of one of a team
alerts           where alerts go, and when people are told
"""

from .alerts import ChannelForm, RulesForm, ScheduleRulesForm
from .feed import FeedForm
from .importing import ImportForm
from .mapping import MappingTrialForm
from .pagination import PAGINATION_LABELS, pagination_as_typed, pagination_keys
from .saved_request import COMMON_METHODS, NAME_TAKEN, SavedRequestForm
from .schedule import BackfillForm, ScheduleForm
from .settings import in_digits
from .variables import TeamVariableForm
from .writing import WatermarkForm, in_units

__all__ = [
    "COMMON_METHODS",
    "NAME_TAKEN",
    "PAGINATION_LABELS",
    "BackfillForm",
    "ChannelForm",
    "FeedForm",
    "ImportForm",
    "MappingTrialForm",
    "RulesForm",
    "SavedRequestForm",
    "ScheduleForm",
    "ScheduleRulesForm",
    "TeamVariableForm",
    "WatermarkForm",
    "in_digits",
    "in_units",
    "pagination_as_typed",
    "pagination_keys",
]
