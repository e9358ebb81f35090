"""What a mail about connections says: what happened, since when, what it affects, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, DateTimeField, F, Value, When
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Team
from connections.models import Connection, Notice, NoticeKind, NoticeSubject

from .wording import bounded, ends_when, these

# What a mail lists by name; the rest is counted.
MOST_CONNECTIONS = 50
MOST_REQUESTS = 10
MOST_REASONS = 3
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its address; and its parts, for whoever says the same in another way."""

    subject: str
    text: str
    html: str
    reasons: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    to_do: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened to some of the connections: our sentence, and the provider's own words."""

    sentence: str
    provider_text: str


_TO_DO = {
    NoticeKind.NEEDS_REAUTH: "Open {it} and press Reconnect. Until then, what uses {it} fails.",
    NoticeKind.CONFIG_ERROR: (
        "Open {it} and press Edit: Client ID, Client Secret and Token URL are where to look. Once those are "
        "right, nobody has to reconnect."
    ),
    NoticeKind.RETRYING: (
        "There is nothing to do yet: we keep trying, and write again when it works. If the provider says "
        "that it is well, check Token URL."
    ),
    NoticeKind.ENDING: (
        "Open {it} and press Reconnect before then. The provider set this end, and only a new consent moves "
        "it."
    ),
}


def problem(notice: Notice, subjects: Sequence[NoticeSubject], now: datetime) -> Letter:
    """The mail about what has hit these subjects, of which there is at least one."""
    kind = NoticeKind(notice.kind)
    connections = [subject.connection for subject in subjects]
    names, verb = these(connections), "need" if len(connections) > 1 else "needs"
    ends = [subject.ends_at for subject in subjects if subject.ends_at]
    headline = {
        NoticeKind.NEEDS_REAUTH: f"{names} in {notice.team} {verb} reconnecting",
        NoticeKind.CONFIG_ERROR: f"The provider refuses the settings of {names} in {notice.team}",
        NoticeKind.RETRYING: f"{names} in {notice.team} cannot be renewed for the moment",
        NoticeKind.ENDING: f"{names} in {notice.team} {ends_when(connections, ends, now)}",
    }[kind]
    return _letter(
        notice.team,
        headline,
        connections,
        reasons=[] if kind == NoticeKind.ENDING else _reasons(connections),
        since=None if kind == NoticeKind.ENDING else min(subject.since for subject in subjects),
        ends=sorted({end.astimezone(UTC).date() for end in ends}),
        affected=_affected(connections),
        to_do=_TO_DO[kind].format(it="them" if len(connections) > 1 else "it"),
        link_label="Reconnect" if kind in (NoticeKind.NEEDS_REAUTH, NoticeKind.ENDING) else "Open",
    )


def all_clear(notice: Notice, subjects: Sequence[NoticeSubject]) -> Letter:
    """The mail about the end of what had hit these subjects."""
    connections = [subject.connection for subject in subjects]
    headline = f"{these(connections)} in {notice.team} {'work' if len(connections) > 1 else 'works'} again"
    return _letter(
        notice.team,
        headline,
        connections,
        since=min(subject.since for subject in subjects),
        healed_at=max(subject.over_at for subject in subjects if subject.over_at),
        to_do="There is nothing to do. Scheduled requests go on with their next due time.",
        link_label="Open",
    )


def _letter(team: Team, headline: str, connections: Sequence[Connection], **more: Any) -> Letter:
    context = {
        "team": team,
        "headline": headline,
        "connections": connections[:MOST_CONNECTIONS],
        "more_connections": max(len(connections) - MOST_CONNECTIONS, 0),
        "url": settings.BASE_URL + page_of(team, connections),
        "switch_url": settings.BASE_URL + reverse("accounts:team", kwargs={"team": team.slug}) + "#mails",
        **more,
    }
    return Letter(
        subject=bounded(headline, 200),
        text=render_to_string("connections/mail/notice.txt", context).strip() + "\n",
        html=render_to_string("connections/mail/notice.html", context),
        reasons=tuple(_said(reason) for reason in more.get("reasons", ())),
        connections=tuple(connection.name for connection in context["connections"]),
        requests=tuple(each["request_name"] for each in more.get("affected", {}).get("requests", ())),
        to_do=more["to_do"],
        url=context["url"],
    )


def _said(reason: Reason) -> str:
    words = f" The provider said: {reason.provider_text}" if reason.provider_text else ""
    return f"{reason.sentence}{words}".strip()


def page_of(team: Team, connections: Sequence[Connection]) -> str:
    """Where something can be done about these connections: the page of the only one, else the list."""
    if len(connections) == 1:
        return reverse("connections:detail", kwargs={"team": team.slug, "uuid": connections[0].pk})
    return reverse("connections:list", kwargs={"team": team.slug})


def _reasons(connections: Sequence[Connection]) -> list[Reason]:
    reasons = dict.fromkeys(
        Reason(bounded(each.state_reason, _LONGEST_REASON), bounded(each.provider_text, _LONGEST_REASON))
        for each in connections
        if each.state_reason or each.provider_text
    )
    return list(reasons)[:MOST_REASONS]


def _affected(connections: Sequence[Connection]) -> dict[str, Any]:
    """The saved requests that use them, those that run next in front, and when they do."""
    pks = [connection.pk for connection in connections]
    requests = Connection.objects.filter(pk__in=pks, saved_requests__isnull=False).values(
        request_name=F("saved_requests__name"),
        next_at=Case(
            When(saved_requests__schedule__is_paused=False, then=F("saved_requests__schedule__next_at")),
            default=Value(None),
            output_field=DateTimeField(),
        ),
    )
    total = requests.count()
    first = requests.order_by(F("next_at").asc(nulls_last=True), "request_name")[:MOST_REQUESTS]
    return {"total": total, "requests": list(first), "more": max(total - MOST_REQUESTS, 0)}
