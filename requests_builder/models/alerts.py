"""What people are told about schedules: what is wrong now, by which rules it is told, and where to.

All of it follows from runs, schedules and notices; the rows only remember what was seen and said already.
"""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import Team, User
from connections.encryption import EncryptedTextField
from connections.models import Notice

from .runs import Mender, Run
from .schedules import Schedule


class ChannelKind(models.TextChoices):
    """How a channel is reached."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Signed webhook"


class IncidentKind(models.TextChoices):
    """What is wrong with a schedule."""

    FAILING = "failing", "Failing"
    PAUSED = "paused", "Paused after failures"
    LATE = "late", "Late"
    EMPTY = "empty", "No records"
    DRIFT = "drift", "Fields changed"


class AlertRules(models.Model):
    """When people are told: the rules of a team, or what one of its schedules has otherwise.

    None: as the team has it; in the rules of the team, as `alerts.rules.DEFAULTS` have it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_rules")
    schedule = models.OneToOneField(
        Schedule, on_delete=models.CASCADE, null=True, blank=True, related_name="alert_rules"
    )
    # After how many failures in a row; 0: never.
    failure_after = models.PositiveSmallIntegerField(null=True, blank=True)
    on_recovery = models.BooleanField(null=True, blank=True)
    on_empty = models.BooleanField(null=True, blank=True)
    # Minutes from the due time; 0: never.
    late_after = models.PositiveSmallIntegerField(null=True, blank=True)
    on_drift = models.BooleanField(null=True, blank=True)
    # Of the team only: a connection belongs to no schedule.
    on_connection = models.BooleanField(null=True, blank=True)
    # After how many failures in a row the schedule is paused; 0: never.
    pause_after = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "alert rules"
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(schedule=None), name="one_set_of_alert_rules_per_team"
            )
        ]

    def __str__(self) -> str:
        return f"alert rules of {self.schedule_id or self.team_id}"


class Channel(models.Model):
    """Where alerts go. The address of a Slack channel is a secret itself: whoever knows it can post there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_channels")
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    name = models.CharField(max_length=100)
    # Mail goes to these members; to nobody in particular: to all who may edit and want mails.
    people = models.ManyToManyField(User, blank=True, related_name="+")
    url = EncryptedTextField(null=True, blank=True, default=None)
    # What of the address everybody may see.
    host = models.CharField(max_length=300, blank=True)
    # Of a signed webhook; after a rotation the one before it signs, too, for a while.
    secret = EncryptedTextField(null=True, blank=True, default=None)
    previous_secret = EncryptedTextField(null=True, blank=True, default=None)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    is_on = models.BooleanField(default=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    # Since when nothing arrives any more, and why not.
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(kind=ChannelKind.EMAIL), name="one_mail_channel_per_team"
            ),
            models.UniqueConstraint(fields=["team", "name"], name="channel_name_is_unique_in_team"),
        ]

    def __str__(self) -> str:
        return self.name

    def replace_secret(self, secret: str, *, until: datetime) -> None:
        """Sign with this one; the one before it signs, too, `until` then."""
        self.previous_secret, self.previous_secret_until = self.secret, until
        self.secret = secret
        self.save(update_fields=["secret", "previous_secret", "previous_secret_until"])

    @property
    def state(self) -> str:
        """On, off, or unreached: what was sent last did not arrive."""
        if self.failing_since:
            return "unreached"
        return "on" if self.is_on else "off"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> "IncidentQuerySet":
        """What is wrong still."""
        return self.filter(ended_at=None)


class Incident(models.Model):
    """Something that is, or was, wrong with a schedule: told once, and once more when it is over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="incidents")
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=10, choices=IncidentKind.choices)
    # The due time with which it began.
    since = models.DateTimeField()
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # None: nobody has been told, and nobody will be told that it is over.
    told_at = models.DateTimeField(null=True, blank=True)
    # The newest run that shows it, and what that says.
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    mender = models.CharField(max_length=10, choices=Mender.choices, blank=True)
    # Of a schedule that fails: how often in a row, and the end of the newest run that is counted.
    failures = models.PositiveIntegerField(default=0)
    counted_until = models.DateTimeField(null=True, blank=True)
    # How many of these came since the schedule was last paused for them; and how many of the newest were such
    # that no repetition heals them.
    since_pause = models.PositiveIntegerField(default=0)
    stubborn = models.PositiveIntegerField(default=0)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "kind"],
                condition=Q(ended_at=None),
                name="one_open_incident_per_schedule_and_kind",
            )
        ]
        indexes = [
            models.Index(fields=["team", "-opened_at", "-id"], name="incident_history"),
            models.Index(fields=["team"], condition=Q(ended_at=None), name="incident_open"),
            models.Index(fields=["ended_at"], name="incident_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.schedule_id}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def look(self) -> str:
        """The state that it puts its schedule in."""
        return "stopped" if self.kind == IncidentKind.PAUSED else self.kind


class Alert(models.Model):
    """One thing to tell: that an incident has begun or is over, or what a notice about connections says.

    What it says is fixed when it is written, so that each try of each delivery says the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alerts")
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts"
    )
    # A round of mails of a notice.
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    round = models.PositiveSmallIntegerField(null=True, blank=True)
    is_recovery = models.BooleanField()
    at = models.DateTimeField()
    # See `alerts.facts`.
    facts = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "is_recovery"], name="one_alert_per_incident_and_one_on_recovery"
            ),
            models.UniqueConstraint(fields=["notice", "round"], name="one_alert_per_round_of_a_notice"),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        """Neither sent nor given up."""
        return self.filter(sent_at=None, dropped_at=None)

    def due(self, now: datetime) -> "DeliveryQuerySet":
        """Those that may be sent now, and that nobody is sending."""
        return self.waiting().filter(Q(leased_until=None) | Q(leased_until__lte=now), send_at__lte=now)


class Delivery(models.Model):
    """An alert on its way through a channel, by mail to one person. Its id is that of the message.

    Written in the transaction of the alert and sent afterwards, at least once: twice only by a death between
    the other side's yes and our note of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    send_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    # It was given up, or there was nobody to send it to any more.
    dropped_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "user"], name="one_delivery_per_person"),
            models.UniqueConstraint(
                fields=["alert", "channel"], condition=Q(user=None), name="one_delivery_per_channel"
            ),
        ]
        indexes = [
            models.Index(
                fields=["send_at"], condition=Q(sent_at=None, dropped_at=None), name="delivery_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class WatchMark(models.Model):
    """How far the runs have been looked at: one row."""

    # Runs that ended before this have been seen.
    seen_until = models.DateTimeField()
    # When runs of a longer time were last looked at again.
    looked_back_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"seen until {self.seen_until}"
