"""How often a rule is due."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .configs import from_config
from .errors import InvalidSchedule
from .rules import Hours, Minutes, Rule

# Due times that are looked at: some, at least those of a day, for a rule may be for some hours of it only.
_SOME, _MOST = 30, 1_500
_DAY, _AHEAD = timedelta(days=1), timedelta(days=92)


def rate_of(config: Mapping[str, Any], now: datetime) -> float:
    """How many times a second the rule is due, on average from now on; 0 if it can no longer be kept."""
    try:
        rule: Rule = from_config(config)
        if isinstance(rule, Minutes | Hours):
            return 1 / rule.step.total_seconds()
        moment, count = now, 0
        while _is_too_little(count, moment - now):
            if (following := rule.next_after(moment)) is None:
                break
            moment, count = following, count + 1
    except InvalidSchedule:
        return 0.0
    return count / (moment - now).total_seconds() if count else 0.0


def _is_too_little(count: int, span: timedelta) -> bool:
    return count < _MOST and span < _AHEAD and (count < _SOME or span < _DAY)
