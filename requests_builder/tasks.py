"""What workers are asked to do. Each finds its rows and calls one function.

A message carries the id of one run. It costs some 3 ms, which is much beside a small pull: a message that
only says "there is work", and a task that claims a fair batch and works on it with threads of its own, can
stand beside `execute_run` when needed. `runs.execute` stays as it is then, and so do the rows: all that
decides is in them, and nothing in the messages.
"""

from uuid import UUID, uuid4

from celery import shared_task
from django.utils.timezone import now

from requests_builder import runs, samples


@shared_task
def start_due_runs() -> None:
    """Every second: what is due becomes runs."""
    runs.bell.ring(runs.start_due_runs(now()))


@shared_task
def recover_runs() -> None:
    """Every few seconds: runs whose message or worker was lost; and a little cleaning."""
    runs.bell.ring(runs.recover_runs(now()))
    runs.sweep(now())
    samples.sweep(now())


@shared_task
def execute_run(run_id: str) -> None:
    """Work on one run, if nobody else does."""
    runs.execute(UUID(run_id), worker=uuid4(), now=now())
