"""Rules in words."""

from datetime import datetime

from .cron import explained
from .rules import Cron, Daily, Hours, Minutes, Monthly, Rule, ShortMonths, Weekdays, Weekly


def in_words(rule: Rule) -> str:
    """What the rule means, for people: “Daily at 06:00 (Europe/Berlin)”."""
    words = _rhythm(rule)
    if not isinstance(rule, Minutes | Hours) or rule.start or rule.end:
        words += f" ({rule.timezone})"
    if rule.start:
        words += f", from {day_and_time(rule.start)}"
    if rule.end:
        words += f", until {day_and_time(rule.end)}"
    return words


def day_and_time(local: datetime) -> str:
    """“1 Dec 2026, 06:00”."""
    return f"{local.day} {local:%b %Y, %H:%M}"


def _rhythm(rule: Rule) -> str:
    match rule:
        case Minutes(count):
            words = "Every minute" if count == 1 else f"Every {count} minutes"
        case Hours(count):
            words = "Every hour" if count == 1 else f"Every {count} hours"
        case Daily(at):
            words = f"Daily at {at:%H:%M}"
        case Weekdays(at):
            words = f"Monday to Friday at {at:%H:%M}"
        case Weekly(days, at):
            *first, last = (day.value.title() for day in days)
            words = f"Every {', '.join(first)} and {last}" if first else f"Every {last}"
            words += f" at {at:%H:%M}"
        case Monthly(_, at):
            words = f"Monthly on {_day(rule)} at {at:%H:%M}"
        case Cron(expression):
            words = explained(expression)
    return words


def _day(rule: Monthly) -> str:
    if rule.day == "last":
        return "the last day"
    if rule.day <= 28:
        return f"day {rule.day}"
    if rule.short_months == ShortMonths.SKIP:
        return f"day {rule.day}, only in months that have it,"
    return f"day {rule.day}, or the last day of a shorter month,"
