"""What an alert says: what happened, why, what it affects, what to do, and where. Kept with it as JSON.

For people it is put into words by `messages`; for programs it is the `data` of a signed webhook, see
docs/alerts.md.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from connections.models import Notice
from connections.notices.letters import Letter
from connections.notices.wording import bounded
from requests_builder import schedules
from requests_builder.models import Feed, Incident, IncidentKind, Mender, Schedule
from requests_builder.models.schedules import ScheduleQuerySet

MOST_DEPENDENTS = 10
_LONGEST_REASON = 1_000

Facts = dict[str, Any]

_TITLES = {
    IncidentKind.FAILING: "{name} in {team} is failing",
    IncidentKind.PAUSED: "{name} in {team} is paused after {times}",
    IncidentKind.LATE: "{name} in {team} is late",
    IncidentKind.EMPTY: "{name} in {team} brought no records",
    IncidentKind.DRIFT: "The records of {name} in {team} have other fields than its mapping",
}
_RECOVERED = {
    IncidentKind.FAILING: "{name} in {team} works again",
    IncidentKind.PAUSED: "{name} in {team} is resumed",
    IncidentKind.LATE: "{name} in {team} is no longer late",
    IncidentKind.EMPTY: "{name} in {team} brings records again",
    IncidentKind.DRIFT: "The records of {name} in {team} fit its mapping again",
}
_TO_DO = {
    Mender.EDITOR: "Open the request and mend what the reason names, press Run to look, then Save.",
    Mender.CONNECTION: "Open the connection {connection} and press Reconnect.",
    Mender.PROVIDER: "Nothing here needs changing: the API has trouble, and the schedule tries again with "
    "each due time. If it goes on, ask whoever runs the API.",
    Mender.HOST: "Tell whoever hosts this product: the reason names what only they can mend.",
    Mender.NOBODY: "There is nothing to do yet: the schedule tries again with each due time.",
}
_TO_DO_ABOUT = {
    IncidentKind.LATE: "Look at the runs that are under way: a slow one may hold it up. If many schedules "
    "are late, whoever hosts this product may have to add workers.",
    IncidentKind.EMPTY: "Open the run and look at the answer. If no records are right, switch this alert off "
    "for the schedule.",
    IncidentKind.DRIFT: "Open the request, press Run, and accept the fields as they are now, or map them.",
}
_NOTHING_TO_DO = "There is nothing to do. The schedule goes on with its next due time."


def with_what_is_said() -> ScheduleQuerySet:
    """Schedules with what alerts say about them."""
    about = ("team", "table", "connection")
    found = Schedule.objects.select_related(*(f"saved_request__{name}" for name in about))
    return found.defer("saved_request__body", "saved_request__body_pairs", "saved_request__mapping")


def of_incident(incident: Incident, schedule: Schedule, *, recovered: str = "") -> Facts:
    """What to say of an incident; of its end, if `recovered` says how that came."""
    kind, request = IncidentKind(incident.kind), schedule.saved_request
    titles = _RECOVERED if recovered else _TITLES
    title = titles[kind].format(name=request.name, team=request.team.name, times=times(incident.failures))
    return {
        "incident": str(incident.pk),
        "kind": kind.value,
        "event": "recovered" if recovered else "opened",
        "title": bounded(title, 200),
        "what": recovered or _what(incident, schedule),
        "why": "" if recovered else incident.reason[:_LONGEST_REASON],
        "error_code": "" if recovered else incident.error_code,
        "to_do": _NOTHING_TO_DO if recovered else _to_do(incident, schedule),
        "since": incident.since.isoformat(),
        "failures": incident.failures,
        **_affected(schedule),
        "run": _link("run", schedule, incident.run_id) if incident.run_id else None,
        "url": link("schedule_page", schedule, request.pk),
    }


def of_notice(notice: Notice, letter: Letter, *, is_recovery: bool) -> Facts:
    """What a mail about connections says, for channels that are no mail."""
    return {
        "incident": str(notice.pk),
        "kind": "connection",
        "event": "recovered" if is_recovery else "opened",
        "title": letter.subject,
        "what": f"{letter.subject}.",
        "why": " ".join(letter.reasons),
        "error_code": "" if is_recovery else notice.kind,
        "to_do": letter.to_do,
        "since": notice.opened_at.isoformat(),
        "failures": 0,
        "team": {"name": notice.team.name, "slug": notice.team.slug},
        "requests": list(letter.requests),
        "connections": list(letter.connections),
        "dependents": [],
        "run": None,
        "url": letter.url,
    }


def of_test(team_name: str, slug: str) -> Facts:
    """What a test says."""
    return {
        "kind": "test",
        "event": "test",
        "title": f"A test from {team_name}",
        "what": "Somebody pressed Send a test. Alerts about schedules and connections arrive here.",
        "why": "",
        "to_do": "There is nothing to do.",
        "team": {"name": team_name, "slug": slug},
        "dependents": [],
        "run": None,
        "url": settings.BASE_URL + reverse("requests_builder:alerts", kwargs={"team": slug}),
    }


def times(failures: int) -> str:
    """`1 failure`, `20 failures in a row`."""
    return "1 failure" if failures == 1 else f"{failures:,} failures in a row"


def moment(at: datetime, schedule: Schedule) -> str:
    """“1 Dec 2026, 06:00 (Europe/Berlin)”, on the clocks of the schedule."""
    rule = schedule.kept_rule
    zone = rule.timezone if rule else "UTC"
    return f"{schedules.day_and_time(at.astimezone(ZoneInfo(zone)))} ({zone})"


def link(name: str, schedule: Schedule, uuid: object) -> str:
    """The address of a page of the schedule's team."""
    team = schedule.saved_request.team.slug
    path: str = reverse(f"requests_builder:{name}", kwargs={"team": team, "uuid": uuid})
    return settings.BASE_URL + path


def _link(name: str, schedule: Schedule, pk: object) -> dict[str, str]:
    return {"id": str(pk), "url": link(name, schedule, pk)}


def _what(incident: Incident, schedule: Schedule) -> str:
    since = moment(incident.since, schedule)
    match IncidentKind(incident.kind):
        case IncidentKind.FAILING if incident.failures > 1:
            return f"{incident.failures:,} runs in a row have failed, the first of them due {since}."
        case IncidentKind.FAILING:
            return f"The run that was due {since} failed."
        case IncidentKind.PAUSED:
            return (
                f"It failed again and again since {since}, so the schedule was paused. Due times are skipped "
                "until somebody resumes it."
            )
        case IncidentKind.LATE:
            return f"The run that was due {since} has not begun."
        case IncidentKind.EMPTY:
            return (
                f"The run that was due {since} succeeded without a single record; those before it had some."
            )
        case IncidentKind.DRIFT:
            return f"The run that was due {since} succeeded, but its records do not fit the mapping."


def _to_do(incident: Incident, schedule: Schedule) -> str:
    kind = IncidentKind(incident.kind)
    if kind in _TO_DO_ABOUT:
        return _TO_DO_ABOUT[kind]
    connection = schedule.saved_request.connection
    mender = Mender(incident.mender or Mender.EDITOR)
    if mender == Mender.CONNECTION and connection is None:
        mender = Mender.EDITOR
    sentence = _TO_DO[mender].format(connection=connection.name if connection else "")
    if kind == IncidentKind.PAUSED:
        return f"{sentence} Then press Resume, or Resume and backfill what was skipped."
    return sentence


def _affected(schedule: Schedule) -> Facts:
    request = schedule.saved_request
    table, connection = request.table, request.connection
    feeds = Feed.objects.filter(table=request.table_id).order_by("name") if request.table_id else None
    names = list(feeds.values_list("name", flat=True)[: MOST_DEPENDENTS + 1]) if feeds is not None else []
    return {
        "team": {"name": request.team.name, "slug": request.team.slug},
        "request": {"name": request.name, **_link("request", schedule, request.pk)},
        "schedule": {
            "in_words": schedule.in_words,
            "next_at": schedule.next_at.isoformat() if schedule.next_at and not schedule.is_paused else None,
            "url": link("schedule_page", schedule, request.pk),
        },
        "table": {"name": table.name, **_link("table", schedule, table.pk)} if table else None,
        "connection": {"id": str(connection.pk), "name": connection.name} if connection else None,
        # Whoever reads the table, as far as is known here: its feeds.
        "dependents": [{"kind": "feed", "name": name} for name in names],
    }
