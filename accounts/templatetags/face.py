"""What templates need to say moments, sizes and states the same way on every page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from allauth.account.adapter import get_adapter
from django import template
from django.forms import BoundField
from django.utils import timezone

register = template.Library()


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state is shown: `kind` chooses colour and shape, `word` says it."""

    kind: str
    word: str

    @property
    def icon(self) -> str:
        return SHAPES[self.kind]


# A shape for each kind, so that no state is told by colour alone (WCAG 2.2, 1.4.1).
SHAPES = {
    "ok": "circle-check",
    "working": "loader-circle",
    "waiting": "clock",
    "warning": "triangle-alert",
    "failed": "octagon-x",
    "off": "circle-minus",
}

STATES = {
    # connections
    "new": StateLook("waiting", "Not connected yet"),
    "connected": StateLook("ok", "Connected"),
    "refreshing": StateLook("working", "Refreshing"),
    "retrying": StateLook("warning", "Retrying"),
    "config_error": StateLook("failed", "Configuration error"),
    "needs_reauth": StateLook("failed", "Needs re-authorization"),
    "error": StateLook("failed", "Error"),
    "revoked": StateLook("off", "Revoked"),
    # runs
    "queued": StateLook("waiting", "Queued"),
    "running": StateLook("working", "Running"),
    "waiting": StateLook("waiting", "Waiting"),
    "succeeded": StateLook("ok", "Succeeded"),
    "failed": StateLook("failed", "Failed"),
    "skipped": StateLook("off", "Skipped"),
    "missed": StateLook("warning", "Missed"),
    "cancelled": StateLook("off", "Cancelled"),
    # incidents and channels of alerts
    "failing": StateLook("failed", "Failing"),
    "late": StateLook("warning", "Late"),
    "empty": StateLook("warning", "No records"),
    "drift": StateLook("warning", "Fields changed"),
    "on": StateLook("ok", "On"),
    "unreached": StateLook("failed", "Does not arrive"),
    # schedules and invitations
    "active": StateLook("ok", "Active"),
    "paused": StateLook("off", "Paused"),
    "stopped": StateLook("failed", "Paused after failures"),
    "ended": StateLook("off", "Ended"),
    "pending": StateLook("waiting", "Pending"),
    "accepted": StateLook("ok", "Accepted"),
    "expired": StateLook("off", "Expired"),
}

# The last moments of each unit; static/js/app.js counts the same way.
_UNITS = ((timedelta(hours=1), 60, "min"), (timedelta(days=1), 3600, "h"), (timedelta(days=30), 86400, "d"))
_JUST_NOW = timedelta(seconds=45)


@register.filter
def state_look(state: str) -> StateLook:
    """The look of a state of a connection, run, schedule or invitation; an unknown one is its own word."""
    return STATES.get(state, StateLook("waiting", str(state).replace("_", " ").capitalize()))


@register.filter
def state_class(state: str) -> str:
    """The class that gives a state its colour: `state-ok`, `state-failed`, …"""
    return f"state-{state_look(state).kind}"


@register.filter
def state_word(state: str) -> str:
    return state_look(state).word


@register.filter
def relative(at: datetime | None) -> str:
    """How long ago, or in how long: "5 min ago", "in 2 h"; a date when more than thirty days away."""
    return "" if at is None else relative_to(at, timezone.now())


def relative_to(at: datetime, now: datetime) -> str:
    distance = abs(now - at)
    if distance < _JUST_NOW:
        return "just now" if at <= now else "in a moment"
    for limit, seconds, unit in _UNITS:
        # Rounded before it is compared, so that 59.7 minutes are an hour and not "60 min".
        count = max(1, round(distance.total_seconds() / seconds))
        if count * seconds < limit.total_seconds():
            return f"{count} {unit} ago" if at <= now else f"in {count} {unit}"
    day = at.astimezone(UTC)
    return f"{day.day} {day:%b %Y}"


@register.filter
def exact(at: datetime | None) -> str:
    """The moment itself, in UTC: "23 Nov 2026, 22:17:05 UTC"; a script turns it into the reader's zone."""
    if at is None:
        return ""
    moment = at.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A length of time (a number means seconds): "340 ms", "2.4 s", "3 min 12 s", "2 h 5 min"."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


@register.filter
def bytes_size(count: int | None) -> str:
    """A size in bytes with the decimal units of IEC 80000-13: "532 B", "1.2 kB", "48 MB"."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            break
    return f"{size:.1f} {unit}" if size < 9.95 else f"{size:,.0f} {unit}"


@register.filter
def number(count: int | None) -> str:
    """A whole number with its thousands apart: "12,408"."""
    return "" if count is None else f"{count:,}"


@register.filter
def without_placeholder(field: BoundField) -> BoundField:
    """The field without the placeholder that the sign-up library gives it: its label says it already."""
    field.field.widget.attrs.pop("placeholder", None)
    return field


@register.simple_tag(takes_context=True)
def signup_is_open(context: template.Context) -> bool:
    """Whether the reader may sign up: `SIGNUP` and an invitation decide."""
    request = context.get("request")
    return request is not None and bool(get_adapter(request).is_open_for_signup(request))
