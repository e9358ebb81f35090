"""How often a rule is due."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .configs import from_config
from .errors import InvalidSchedule
from .rules import Rule

# Due times that are looked at, and how far ahead: enough for the days of a week and for several months.
_MOST = 30
_AHEAD = timedelta(days=92)


def rate_of(config: Mapping[str, Any], now: datetime) -> float:
    """How many times a second the rule is due, on average from now on; 0 if it can no longer be kept."""
    try:
        rule: Rule = from_config(config)
        moment, count = now, 0
        while count < _MOST and moment - now < _AHEAD:
            following = rule.next_after(moment)
            if following is None:
                break
            moment, count = following, count + 1
    except InvalidSchedule:
        return 0.0
    return count / (moment - now).total_seconds() if count else 0.0
