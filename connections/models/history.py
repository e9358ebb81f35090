"""What was asked of token endpoints on behalf of a connection, and what came of it."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from accounts.models import User

from .connection import Connection


class CallKind(models.TextChoices):
    """What was asked for."""

    EXCHANGE = "exchange", "Code exchange"
    FOLLOW_UP = "follow_up", "Exchange for a lasting token"
    CLIENT = "client", "Token for the client itself"
    REFRESH = "refresh", "Refresh"
    REVOCATION = "revocation", "Revocation"
    TEST = "test", "Test call"


class CallOutcome(models.TextChoices):
    """What an answer meant, and thereby who could do something about it."""

    SUCCEEDED = "succeeded", "Succeeded"
    STILL_GOOD = "still_good", "Not to be renewed yet"
    GRANT_REFUSED = "grant_refused", "Grant refused"
    CLIENT_REFUSED = "client_refused", "Client or settings refused"
    UNAVAILABLE = "unavailable", "Provider unavailable"
    UNKNOWN_REFUSAL = "unknown_refusal", "Refused in unknown words"
    UNREADABLE = "unreadable", "No token in the answer"
    # Nobody was told how it ended: the process was stopped, or a fault of ours.
    INTERRUPTED = "interrupted", "Interrupted"


class TokenCallQuerySet(models.QuerySet["TokenCall"]):
    def older_than(self, pk: int) -> "TokenCallQuerySet":
        """Those that were noted before this one."""
        return self.filter(pk__lt=pk)

    def beyond(self, kept: int, before: datetime) -> "TokenCallQuerySet":
        """What need not be kept: all before a moment, and refreshes that went well but for the last ones.

        `kept` of those stay for each connection.
        """
        place = Window(RowNumber(), partition_by=F("connection_id"), order_by=F("pk").desc())
        good = self.filter(kind=CallKind.REFRESH, outcome=CallOutcome.SUCCEEDED).annotate(place=place)
        return self.filter(Q(at__lt=before) | Q(pk__in=good.filter(place__gt=kept).values("pk")))


class TokenCall(models.Model):
    """One request to a token or revocation endpoint, or one that tests the token. Holds no secret.

    Of the request only the names of its parameters, of the answer only the names of its members.
    """

    # Without a constraint in the database: a call may be noted a moment after its connection was deleted,
    # together with those of others, and must not take them with it. `connections.history` sweeps it up.
    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="token_calls",
        db_constraint=False,
        # The index below serves; each one more would cost every refresh.
        db_index=False,
    )
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=12, choices=CallKind.choices)
    # Who asked for it; None: the background, or a run.
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    method = models.CharField(max_length=10)
    # Host with port, and path; a query may hold secrets.
    host = models.CharField(max_length=300)
    path = models.CharField(max_length=500, blank=True)
    client_authentication = models.CharField(max_length=10, blank=True)
    parameters = models.JSONField(default=list, blank=True)
    # 0: there was no answer.
    status = models.PositiveSmallIntegerField(default=0)
    milliseconds = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=20, choices=CallOutcome.choices)
    error_code = models.CharField(max_length=100, blank=True)
    # The provider's own words, masked and bounded.
    provider_text = models.TextField(blank=True)
    members = models.JSONField(default=list, blank=True)

    objects = TokenCallQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["connection", "-id"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.host}: {self.get_outcome_display()}"

    @property
    def seconds(self) -> float:
        """How long it took until the answer was read, or given up."""
        return self.milliseconds / 1000
