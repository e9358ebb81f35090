"""The states of connections against what people have been told: what opens, what is over, who is written to.

Each step is a statement or a transaction of its own that finds its work in the database, so that two ticks
at once, or one that is killed anywhere, tell nothing twice and leave nothing out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from connections.models import Connection, ConnectionState
from connections.models.notices import (
    ALL_CLEAR,
    Notice,
    NoticeKind,
    NoticeMail,
    NoticeSubject,
    SubjectQuerySet,
    Telling,
    stage_at,
    with_what_to_tell,
)

from .people import who_hear

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    Calling = WithAnnotations[Connection, Telling]

# Connections that lose their grants one after the other are told of together, after the first.
SPACING = timedelta(hours=1)
# Whose end is announced, takes those along whose turn would come so soon after.
GROUPING = timedelta(hours=12)
# What is over is kept for so long, in case somebody asks who was told what.
REMEMBERED = timedelta(days=90)
# Told apart from the seconds by which some servers count anew with each answer.
_MOVED = timedelta(days=1)
_BATCH = 5000
# States in which a connection has no end to announce any more.
_WITHOUT_END = (ConnectionState.NEW, ConnectionState.ERROR, ConnectionState.NEEDS_REAUTH)


class _Cause(NamedTuple):
    team_id: UUID
    kind: NoticeKind
    cause: str


def watch(*, now: datetime) -> None:
    """Bring notices and the mails that are to be sent into step with the states of connections."""
    _end_subjects(now)
    _follow_ends(now)
    _open(now)
    _tell(now)
    _close(now)
    Notice.objects.filter(ended_at__lte=now - REMEMBERED).delete()


# What is over ---------------------------------------------------------------------------------------


def _end_subjects(now: datetime) -> None:
    """Connections for which what their notice says is no longer so."""
    for kind in NoticeKind:
        current = _current(kind)
        hit = Connection.objects.filter(pk__in=current.values("connection"))
        if kind == NoticeKind.ENDING:
            # With the look-ahead of the opening.
            ahead = with_what_to_tell(hit, now + GROUPING)
            over = ahead.filter(Q(stage__isnull=True) | Q(state__in=_WITHOUT_END))
        else:
            # Settings that were mended a moment ago have yet to prove it: until then the notice stands.
            is_on_trial = Q(state=ConnectionState.RETRYING) & ~Q(telling=NoticeKind.RETRYING)
            over = with_what_to_tell(hit, now).exclude(telling=kind).exclude(is_on_trial)
        states = dict(over.values_list("pk", "state"))
        healed = [pk for pk, state in states.items() if state == ConnectionState.CONNECTED]
        if healed and kind != NoticeKind.ENDING:
            current.filter(connection__in=healed).update(over_at=now, is_healed=True)
        if states:
            current.filter(connection__in=list(states)).update(over_at=now)


def _follow_ends(now: datetime) -> None:
    """Ends that were moved: who connects again for another week is told of the end of that week, too."""
    current = _current(NoticeKind.ENDING)
    hit = with_what_to_tell(Connection.objects.filter(pk__in=current.values("connection")), now)
    ends = dict(hit.values_list("pk", "ends_at"))
    for subject in current:
        end = ends.get(subject.connection_id)
        if end and subject.ends_at and end > subject.ends_at + _MOVED:
            unmoved = NoticeSubject.objects.filter(pk=subject.pk, ends_at=subject.ends_at)
            unmoved.update(ends_at=end, told_stage=None)


def _close(now: datetime) -> None:
    """Notices that hit nobody any more; whoever had a mail is told if the trouble has gone away."""
    hit = NoticeSubject.objects.filter(notice=OuterRef("pk"), over_at=None)
    for notice in Notice.objects.open().filter(~Exists(hit)):
        with transaction.atomic():
            closed = Notice.objects.open().filter(~Exists(hit), pk=notice.pk).update(ended_at=now)
            if closed and notice.subjects.filter(is_healed=True).exists():
                users = notice.mails.values_list("user", flat=True).distinct()
                NoticeMail.objects.bulk_create(
                    NoticeMail(notice=notice, user_id=user, round=ALL_CLEAR, send_at=now) for user in users
                )


# What is new ----------------------------------------------------------------------------------------


def _open(now: datetime) -> None:
    """Connections that call for a notice which does not name them yet."""
    hit: defaultdict[_Cause, list[Calling]] = defaultdict(list)
    for connection in _missing(now)[:_BATCH]:
        hit[_cause_of(connection)].append(connection)
    teams = {cause.team_id for cause in hit if cause.kind == NoticeKind.ENDING}
    if teams:
        # Whose turn comes soon, and whose fellows' turn has come.
        soon = _missing(now + GROUPING).filter(telling=NoticeKind.ENDING, team__in=teams)
        for connection in soon:
            cause = _cause_of(connection)
            if cause in hit and connection not in hit[cause]:
                hit[cause].append(connection)
    for cause, connections in hit.items():
        _name(cause, connections, now)


def _missing(now: datetime) -> "QuerySet[Calling]":
    named = NoticeSubject.objects.current().filter(
        connection=OuterRef("pk"), notice__kind=OuterRef("telling")
    )
    calling = with_what_to_tell(Connection.objects.all(), now).exclude(telling="")
    return calling.filter(~Exists(named)).order_by("pk")


def _cause_of(connection: "Calling") -> _Cause:
    return _Cause(connection.team_id, NoticeKind(connection.telling), connection.server_key)


def _name(cause: _Cause, connections: "Sequence[Calling]", now: datetime) -> None:
    """Put connections into the open notice of their cause."""
    # Of two ticks at once the constraint lets one through, and both go on with its row.
    Notice.objects.bulk_create([Notice(**cause._asdict(), opened_at=now)], ignore_conflicts=True)
    notice = Notice.objects.open().filter(**cause._asdict()).first()
    if notice is None:  # closed since: the next tick opens another
        return
    subjects = {each.pk: _subject(notice, each, now) for each in connections}
    NoticeSubject.objects.bulk_create(subjects.values(), ignore_conflicts=True, batch_size=500)
    # They may have been hit, have healed, and be hit again while others kept the notice open.
    for relapsed in notice.subjects.filter(over_at__isnull=False, connection__in=list(subjects)):
        again = subjects[relapsed.connection_id]
        notice.subjects.filter(pk=relapsed.pk, over_at=relapsed.over_at).update(
            since=again.since,
            ends_at=again.ends_at,
            told_stage=None,
            round=None,
            over_at=None,
            is_healed=False,
        )


def _subject(notice: Notice, connection: "Calling", now: datetime) -> NoticeSubject:
    since = now if notice.kind == NoticeKind.ENDING else connection.state_changed_at or now
    return NoticeSubject(notice=notice, connection=connection, since=since, ends_at=connection.ends_at)


def _tell(now: datetime) -> None:
    """Write the mails of notices that have something new to tell."""
    fresh = NoticeSubject.objects.filter(notice=OuterRef("pk"), over_at=None, round=None)
    # Connections of one client fail one by one as their tokens end. The cause is told already; only a lost
    # grant is each connection's own.
    is_first = Q(rounds=0) & ~Q(kind=NoticeKind.ENDING)
    is_next = Q(kind=NoticeKind.NEEDS_REAUTH, told_at__lte=now - SPACING)
    for notice in Notice.objects.open().filter(is_first | is_next).filter(Exists(fresh)):
        subjects = notice.subjects.filter(over_at=None, round=None)
        _write(notice, {subject.pk: None for subject in subjects}, now)
    by_notice: defaultdict[Notice, list[NoticeSubject]] = defaultdict(list)
    for subject in _current(NoticeKind.ENDING).select_related("notice"):
        by_notice[subject.notice].append(subject)
    for notice, several in by_notice.items():
        if any(_is_untold(subject, now) for subject in several):
            ahead = now + GROUPING
            untold = [subject for subject in several if _is_untold(subject, ahead)]
            _write(notice, {subject.pk: stage_at(subject.ends_at, ahead) for subject in untold}, now)


def _is_untold(subject: NoticeSubject, now: datetime) -> bool:
    stage = stage_at(subject.ends_at, now)
    return stage is not None and (subject.told_stage is None or stage < subject.told_stage)


def _write(notice: Notice, stages: Mapping[int, int | None], now: datetime) -> None:
    """A round of mails that names these subjects; each is noted as told at its stage."""
    with transaction.atomic():
        claimed = Notice.objects.open().filter(pk=notice.pk, rounds=notice.rounds)
        if not claimed.update(rounds=notice.rounds + 1, told_at=now):
            return
        for stage in set(stages.values()):
            subjects = [pk for pk, reached in stages.items() if reached == stage]
            notice.subjects.filter(pk__in=subjects).update(round=notice.rounds + 1, told_stage=stage)
        connections = Connection.objects.filter(notice_subjects__in=list(stages))
        NoticeMail.objects.bulk_create(
            NoticeMail(notice=notice, user=member.user, round=notice.rounds + 1, send_at=now)
            for member in who_hear(notice.team, connections)
        )


def _current(kind: NoticeKind) -> SubjectQuerySet:
    return NoticeSubject.objects.current().filter(notice__kind=kind)
