"""One pull of a saved request: when it was due, and what became of it."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Min, Q, Value
from django.db.models.sql.compiler import SQLCompiler

from accounts.models import Team, User
from connections.encryption import EncryptedTextField

from .saved_requests import SavedRequest
from .schedules import Schedule


class RunState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    MISSED = "missed", "Missed"
    CANCELLED = "cancelled", "Cancelled"


UNFINISHED = (RunState.QUEUED, RunState.RUNNING)
# States that are rare enough to be found by an index of their own.
UNUSUAL = (RunState.FAILED, RunState.SKIPPED, RunState.MISSED, RunState.CANCELLED)
# As SQLite knows it again as the condition of an index: it compares no lists with parameters.
IS_UNUSUAL = ~Q(state=RunState.SUCCEEDED) & ~Q(state=RunState.QUEUED) & ~Q(state=RunState.RUNNING)
# Answers by which the credentials, or the lack of them, were refused (RFC 9110 §15.5.2, .4 and .8).
REFUSALS = (401, 403, 407)


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "Run now"
    BACKFILL = "backfill", "Backfill"


BY_HAND = (Trigger.MANUAL, Trigger.BACKFILL)
IS_BY_HAND = ~Q(trigger=Trigger.SCHEDULE)


class Mender(models.TextChoices):
    """Who can do something about a failure."""

    NOBODY = "nobody", "nobody needs to act: it is tried again"
    EDITOR = "editor", "whoever edits the request"
    CONNECTION = "connection", "whoever manages the connection"
    PROVIDER = "provider", "whoever runs the API"
    HOST = "host", "whoever hosts this product"


class _Literal(Value):
    """A state as a part of the statement: SQLite takes none of the partial indexes below for a parameter, and
    reads the whole history instead."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[()]]:
        return f"'{RunState(self.value).value}'", ()


class RunQuerySet(models.QuerySet["Run"]):
    def unfinished(self) -> "RunQuerySet":
        return self.filter(state__in=[_Literal(state) for state in UNFINISHED])

    def claimable(self, now: datetime) -> "RunQuerySet":
        """Unfinished, not before their time, and held by no worker that is alive."""
        lost = Q(leased_until__lte=now, page_deaths__lt=Run.DEATHS_FORGIVEN)
        return self.unfinished().filter(Q(leased_until=None) | lost, not_before__lte=now)

    def suspect(self, now: datetime) -> "RunQuerySet":
        """Those that have lost one worker too many, and perhaps killed it."""
        return self.filter(
            state=RunState.RUNNING, leased_until__lte=now, page_deaths__gte=Run.DEATHS_FORGIVEN
        )

    def in_line(self) -> "RunQuerySet":
        """Those that wait until the ones before them are finished."""
        return self.filter(state=_Literal(RunState.QUEUED), not_before=None)

    def first_in_line(self) -> list[uuid.UUID]:
        """The ids of those whose turn it is: of each line the first, if nothing of the line is under way."""
        lines = self.in_line().order_by().values_list("schedule", "trigger").annotate(first=Min("due_at"))
        if not (firsts := {(schedule, trigger): due_at for schedule, trigger, due_at in lines}):
            return []
        begun = self.unfinished().filter(schedule__isnull=False, not_before__isnull=False).order_by()
        for line in begun.values_list("schedule", "trigger"):
            firsts.pop(line, None)
        found = self.in_line().filter(due_at__in=set(firsts.values())).order_by("due_at")
        return [
            pk
            for pk, schedule, trigger, due_at in found.values_list("pk", "schedule", "trigger", "due_at")
            if firsts.get((schedule, trigger)) == due_at
        ]

    def unheard(self, now: datetime, patience: timedelta) -> "RunQuerySet":
        """Claimable, and whoever was told about them lately has not begun; the oldest first.

        A message sent before `not_before` (or before the lease of a dead worker ended) told nobody anything.
        """
        told_in_vain = Q(rung_at=None) | Q(rung_at__lte=now - patience) | Q(rung_at__lt=F("not_before"))
        return self.claimable(now).filter(told_in_vain).order_by("not_before", "id")

    def older_than(self, due_at: datetime, run_id: uuid.UUID) -> "RunQuerySet":
        """Those after this one in the history, which is ordered by `-due_at, -id`."""
        # The bound says nothing new: by it an index is entered at the place, and not read up to there.
        return self.filter(Q(due_at__lt=due_at) | Q(due_at=due_at, id__lt=run_id), due_at__lte=due_at)


class Run(models.Model):
    """One pull of a saved request: due once, finished once.

    Whoever works on it holds a lease, and every write carries the `fence` of that lease: a worker that
    was frozen and comes back writes nothing.
    """

    # So often a run is taken up at once after its worker died; see `requests_builder.runs.deaths`.
    DEATHS_FORGIVEN = 2

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Team, request and schedule are the first columns of indexes below: each index more is written with each
    # change of a run.
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="runs", db_index=False)
    saved_request = models.ForeignKey(
        SavedRequest, on_delete=models.CASCADE, related_name="runs", db_index=False
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs", db_index=False
    )
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    due_at = models.DateTimeField()
    # Where many due times were missed, one row stands for all of them, from `due_at` to this one.
    due_until = models.DateTimeField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    # Between two attempts: when the next one may begin. None: it waits in line, until the runs of its
    # schedule that have the same trigger and come before it are finished.
    not_before = models.DateTimeField(null=True, blank=True)
    # When a worker was last told about it.
    rung_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    # Since the last page came in: attempts that began, and those among them whose worker died.
    page_attempts = models.PositiveSmallIntegerField(default=0)
    page_deaths = models.PositiveSmallIntegerField(default=0)
    leased_by = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    # When it was taken last: the beginning of the attempt under way, or of the last one.
    attempted_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    # Where to go on: the next request may hold a token in its URL, hence encrypted.
    checkpoint = EncryptedTextField(null=True, blank=True, default=None)
    request_version = models.PositiveIntegerField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    bytes_received = models.PositiveBigIntegerField(default=0)
    # Of all attempts that are over: `calls`, `refreshes` of a refused token, and `phases`: seconds by the
    # names of `outbound.Timings`.
    figures = models.JSONField(default=dict)
    # Of the last answer of the last attempt.
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)

    # What the mapping has found in the pages so far: fields that are new, values that did not fit.
    findings = models.JSONField(default=dict)

    # What became of its records: inserted, updated, unchanged; and those that did not become rows:
    # duplicates, without_key. What became of other rows of its request: replaced; and of those that did not
    # come any more: deleted, or held, which stay in the table until somebody says that they may go.
    changes = models.JSONField(default=dict)
    # The batch that it published. The batch goes with its last row; rows remember its number.
    batch_number = models.BigIntegerField(null=True, blank=True)
    # Of a request that wants only new records: from which value on, and to which; see
    # `watermarks.Progress.to_json`.
    watermarks = models.JSONField(default=dict)
    # Reset and import again: all records, in place of all rows that the request has brought so far.
    is_reset = models.BooleanField(default=False, db_default=False)

    # Why the last attempt failed; gone when a later one succeeds.
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    mender = models.CharField(max_length=10, choices=Mender.choices, blank=True)
    # What there is to say about a run that did not fail: why it was skipped, or why there was no page after
    # its last one, and what became of its records.
    stop_reason = models.CharField(max_length=1_000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="one_run_per_due_time"),
            models.CheckConstraint(
                condition=~Q(state=RunState.SUCCEEDED)
                | Q(error_code="") & (Q(last_status=None) | ~Q(last_status__in=REFUSALS)),
                name="what_was_refused_has_not_succeeded",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-due_at", "-id"], name="run_history"),
            models.Index(fields=["saved_request", "-due_at"], name="run_history_of_request"),
            # What people look for among many runs is what is rare. A run on time that succeeds is in neither.
            models.Index(
                fields=["team", "state", "-due_at", "-id"],
                condition=IS_UNUSUAL,
                name="run_history_of_state",
            ),
            models.Index(
                fields=["team", "trigger", "-due_at", "-id"],
                condition=IS_BY_HAND,
                name="run_history_of_trigger",
            ),
            models.Index(
                fields=["team", "error_code", "-due_at", "-id"],
                condition=Q(error_code__gt=""),
                name="run_history_of_error",
            ),
            models.Index(
                fields=["batch_number"], condition=Q(batch_number__isnull=False), name="run_of_batch"
            ),
            models.Index(fields=["not_before"], condition=Q(state__in=UNFINISHED), name="run_unfinished"),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="run_just_finished"
            ),
            models.Index(
                fields=["schedule", "trigger", "due_at"],
                condition=Q(state=RunState.QUEUED, not_before=None),
                name="run_in_line",
            ),
            models.Index(
                fields=["saved_request"], condition=Q(state__in=UNFINISHED), name="run_unfinished_of_request"
            ),
            models.Index(
                fields=["team", "not_before", "leased_until", "id"],
                condition=Q(state__in=UNFINISHED),
                name="run_queue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} run of {self.saved_request_id}, due {self.due_at}"

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def is_in_line(self) -> bool:
        return self.state == RunState.QUEUED and self.not_before is None

    @property
    def is_waiting(self) -> bool:
        """Whether an attempt has failed and another one will be made, at `not_before`."""
        return self.state == RunState.QUEUED and self.attempts > 0

    @property
    def duration(self) -> timedelta | None:
        """From the first attempt to the end, waiting included; None until then."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at
