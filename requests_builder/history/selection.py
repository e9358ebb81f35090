"""Which runs somebody wants to see, as an address says it. PURE."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from uuid import UUID

PERIODS: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
_LONGEST_CODE = 50
# The first and last years of the calendar have no moment in every time zone.
_YEARS = range(1970, 9999)


@dataclass(frozen=True, slots=True)
class Selection:
    """What the runs have in common; empty: anything. They were due from `begin` on, and before `end`."""

    request: UUID | None = None
    schedule: UUID | None = None
    state: str = ""
    trigger: str = ""
    error: str = ""
    since: str = ""
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether anything is asked for."""
        return any(getattr(self, one.name) for one in fields(self))

    @property
    def is_unusual(self) -> bool:
        """Whether something is asked for that is seldom: a page shows what it is."""
        return bool(self.trigger or self.error or self.begin or self.end)

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Between which moments they were due."""
        begin = self.begin
        if self.since:
            least = now - PERIODS[self.since][1]
            begin = max(begin, least) if begin else least
        return begin, self.end

    def to_query(self) -> dict[str, str]:
        """As an address says it, without what is not asked for."""
        return {
            one.name: value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else str(value)
            for one in fields(self)
            if (value := getattr(self, one.name))
        }


def from_query(
    query: Mapping[str, str], states: Collection[str] = (), triggers: Collection[str] = ()
) -> Selection:
    """What an address asks for; what nobody could have meant is left out.

    `states` and `triggers` are those that there are.
    """
    state, trigger, since = (query.get(name, "") for name in ("state", "trigger", "since"))
    return Selection(
        request=_uuid(query.get("request", "")),
        schedule=_uuid(query.get("schedule", "")),
        state=state if state in states else "",
        trigger=trigger if trigger in triggers else "",
        error=_code(query.get("error", "")),
        since=since if since in PERIODS else "",
        begin=_moment(query.get("begin", "")),
        end=_moment(query.get("end", "")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _code(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST_CODE and text.replace("_", "").isalnum() else ""


def _moment(text: str) -> datetime | None:
    """A moment as the field of a form gives it; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if at.year not in _YEARS:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
