"""Cancel: a run that is waiting or under way ends now, and nothing of it is shown."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from requests_builder import destinations
from requests_builder.models import Run, RunState
from requests_builder.runs import attempts, tallying


def cancel(run: Run, *, user: User, now: datetime) -> bool:
    """End the run, unless it has finished by itself meanwhile; whether it was ended here.

    A worker that has it finds its lease lost at the next page or heartbeat, and writes nothing more.
    """
    with transaction.atomic():
        under_way = attempts.under_way([run.pk])
        is_ours = (
            Run.objects.unfinished()
            .filter(pk=run.pk)
            .update(
                state=RunState.CANCELLED,
                fence=F("fence") + 1,
                finished_at=now,
                leased_by=None,
                leased_until=None,
                checkpoint=None,
                error_code="cancelled",
                error="",
                mender="",
                stop_reason=f"Cancelled by {user}. The table stays as it was."[:1_000],
            )
        )
        if is_ours:
            attempts.note_cancelled(under_way, now)
    if is_ours:
        tallying.finished(run, RunState.CANCELLED, "cancelled")
        if run.saved_request.table_id is not None:
            destinations.of(run.saved_request).discard(run)
    return bool(is_ours)
