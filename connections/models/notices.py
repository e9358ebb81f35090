"""What people are told about connections: what is wrong now, who was told, and who has seen enough of it.

All of it follows from the states of connections; the rows only remember what has been said already.
"""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from django.db import models
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, Value, When

from accounts.models import Team, User

from .connection import Connection, ConnectionState

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

# How long a provider may be out of order before people hear of it.
PATIENCE = timedelta(hours=1)
# Days before an end that nothing can move, at each of which it is announced.
STAGES = (14, 7, 1)
# The round of the mails that tell that all is well again.
ALL_CLEAR = 0
# An access token that nothing renews is worth an announcement only if it was to last.
_LASTING = timedelta(days=1)
# For so long after a grant its end is no news.
_SETTLING = timedelta(hours=12)


class NoticeKind(models.TextChoices):
    """What there is to tell, and thereby what is to be done."""

    NEEDS_REAUTH = "needs_reauth", "Needs reconnecting"
    CONFIG_ERROR = "config_error", "Settings refused"
    RETRYING = "retrying", "Provider out of order"
    ENDING = "ending", "Ends soon"


def ends_at() -> Case:
    """When a connection ends although nothing is wrong with it, as an expression; NULL: nobody knows."""
    fixed = Q(token__ends_for_good=True, token__refresh_expires_at__isnull=False)
    lasting = Q(token__expires_at__gt=F("token__obtained_at") + _LASTING)
    unrenewable = Q(token__refresh_token__isnull=True, token__refresh_at__isnull=True) & lasting
    return Case(
        When(fixed, then=F("token__refresh_expires_at")),
        When(unrenewable, then=F("token__expires_at")),
        default=Value(None),
        output_field=DateTimeField(),
    )


def stage_at(end: datetime | None, now: datetime) -> int | None:
    """The last of STAGES that an end has reached; None: none yet."""
    reached = [days for days in STAGES if end and end <= now + timedelta(days=days)]
    return min(reached, default=None)


def stage(now: datetime) -> Case:
    """`stage_at` an annotated `ends_at`, as an expression; NULL: none yet.

    Stages from before the grant, or as good as at once, are left out: whoever has just connected was told.
    """
    reached = []
    for days in sorted(STAGES):
        before_end = timedelta(days=days)
        is_news = Q(token__granted_at=None) | Q(token__granted_at__lt=F("ends_at") - before_end - _SETTLING)
        reached.append(When(is_news, ends_at__lte=now + before_end, then=Value(days)))
    return Case(*reached, default=Value(None), output_field=models.PositiveSmallIntegerField())


def kind_to_tell(now: datetime) -> Case:
    """What there is to tell of a connection annotated with its `stage`, as an expression; empty: nothing."""
    return Case(
        When(state=ConnectionState.NEEDS_REAUTH, then=Value(NoticeKind.NEEDS_REAUTH)),
        When(state=ConnectionState.CONFIG_ERROR, then=Value(NoticeKind.CONFIG_ERROR)),
        When(
            state=ConnectionState.RETRYING,
            state_changed_at__lte=now - PATIENCE,
            then=Value(NoticeKind.RETRYING),
        ),
        When(
            state__in=(ConnectionState.CONNECTED, ConnectionState.RETRYING),
            stage__isnull=False,
            then=Value(NoticeKind.ENDING),
        ),
        default=Value(""),
        output_field=models.CharField(),
    )


def may_be_told(now: datetime) -> Q:
    """Whether there may be something to tell of a connection, as a condition that is cheap to ask.

    True of all that `with_what_to_tell` finds something for, and of a few more.
    """
    soon = now + timedelta(days=max(STAGES))
    is_wrong = Q(
        state__in=(ConnectionState.NEEDS_REAUTH, ConnectionState.CONFIG_ERROR, ConnectionState.RETRYING)
    )
    unrenewable = Q(token__refresh_token__isnull=True, token__refresh_at__isnull=True)
    return is_wrong | Q(token__refresh_expires_at__lte=soon) | unrenewable & Q(token__expires_at__lte=soon)


class Telling(TypedDict):
    """What `with_what_to_tell` adds to a connection."""

    ends_at: datetime | None
    stage: int | None
    telling: str


def with_what_to_tell(
    connections: "models.QuerySet[Connection]", now: datetime
) -> "models.QuerySet[WithAnnotations[Connection, Telling]]":
    """The connections with `ends_at`, `stage` and `telling`, the kind of notice that they call for."""
    return (
        connections.annotate(ends_at=ends_at()).annotate(stage=stage(now)).annotate(telling=kind_to_tell(now))
    )


class NoticeQuerySet(models.QuerySet["Notice"]):
    def open(self) -> "NoticeQuerySet":
        """What is wrong still."""
        return self.filter(ended_at=None)


class Notice(models.Model):
    """One cause of trouble in one team, however many connections it has hit.

    Connections of one client at one server share their causes: `cause` is a digest of the two.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    cause = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # How often mails were written about it, and when last.
    rounds = models.PositiveSmallIntegerField(default=0)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "kind", "cause"],
                condition=Q(ended_at=None),
                name="one_open_notice_per_cause",
            )
        ]
        indexes = [models.Index(fields=["ended_at"], name="notice_ended")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} in {self.team_id}"


class SubjectQuerySet(models.QuerySet["NoticeSubject"]):
    def current(self) -> "SubjectQuerySet":
        """Connections that are hit still, in notices that are open."""
        return self.filter(over_at=None, notice__ended_at=None)


class NoticeSubject(models.Model):
    """A connection that a cause of trouble has hit, and what people know of it."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="subjects")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="notice_subjects")
    since = models.DateTimeField()
    # Only of what ends soon: when, and at which of STAGES people were last told.
    ends_at = models.DateTimeField(null=True, blank=True)
    told_stage = models.PositiveSmallIntegerField(null=True, blank=True)
    # The round of mails that names it; None: not yet.
    round = models.PositiveSmallIntegerField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)
    # Whether it was over because the connection works again.
    is_healed = models.BooleanField(default=False)

    objects = SubjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "connection"], name="one_subject_per_notice_and_connection"
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} in {self.notice_id}"


class NoticeMail(models.Model):
    """A mail to one person, written as a row in the transaction of what it tells, and sent afterwards.

    Whoever sends it holds a lease; a sender that dies leaves it to the next, so that it is sent at least
    once, and twice only by a death between the mail server's yes and our note of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="mails")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    # Which of the notice's mails; ALL_CLEAR is the last.
    round = models.PositiveSmallIntegerField()
    send_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    # There was no need any more, or nobody to send it to.
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "user", "round"], name="one_notice_mail_per_round")
        ]
        indexes = [
            models.Index(
                fields=["send_at"], condition=Q(sent_at=None, dropped_at=None), name="notice_mail_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"mail {self.round} of {self.notice_id}"

    @property
    def is_all_clear(self) -> bool:
        """Whether it tells that all is well again."""
        return self.round == ALL_CLEAR


class NoticeDismissal(models.Model):
    """Somebody who has seen that a connection ends soon, and wants to see it next at the next stage."""

    subject = models.ForeignKey(NoticeSubject, on_delete=models.CASCADE, related_name="dismissals")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    stage = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "user", "stage"], name="one_dismissal_per_stage")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} dismissed {self.subject_id}"


def is_dismissed_by(user: User) -> Exists:
    """Whether this user has seen enough of the `stage` of an annotated connection, as an expression."""
    return Exists(
        NoticeDismissal.objects.filter(
            user=user,
            subject__connection=OuterRef("pk"),
            subject__over_at=None,
            subject__notice__ended_at=None,
            subject__notice__kind=NoticeKind.ENDING,
            stage__lte=OuterRef("stage"),
        )
    )
