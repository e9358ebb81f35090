"""When a schedule is due: rule + moment → next moment. PURE.

rules      the kinds of rules, each with its next due time
cron       cron lines
zones      time zones, and which moment a time on their clocks is
configs    rules as mappings
words      rules in words
previews   the due times to come, with notes about clock changes
backlogs   due times of the past
frequency  how often a rule is due
"""

from .backlogs import due_between, newest_due
from .configs import from_config, to_config, wall_clock_time
from .errors import InvalidSchedule
from .frequency import rate_of
from .previews import Foretold, foretold, upcoming
from .rules import (
    Cron,
    Daily,
    Hours,
    Minutes,
    Monthly,
    Rule,
    ShortMonths,
    Weekday,
    Weekdays,
    Weekly,
)
from .words import day_and_time, in_words
from .zones import INSTANT, end_of_minute, moment_of, zones

__all__ = [
    "INSTANT",
    "Cron",
    "Daily",
    "Foretold",
    "Hours",
    "InvalidSchedule",
    "Minutes",
    "Monthly",
    "Rule",
    "ShortMonths",
    "Weekday",
    "Weekdays",
    "Weekly",
    "day_and_time",
    "due_between",
    "end_of_minute",
    "foretold",
    "from_config",
    "in_words",
    "moment_of",
    "newest_due",
    "rate_of",
    "to_config",
    "upcoming",
    "wall_clock_time",
    "zones",
]
