"""What workers are asked to do. Each finds its rows and calls one function.

No message names a run: all that decides is in the rows, and whoever is woken takes those that are next.
"""

from celery import shared_task
from django.utils.timezone import now

from requests_builder import runs, samples, tries


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
    tries.sweep(now())


@shared_task
def work() -> None:
    """There is work: this process takes as many runs as it has hands for."""
    runs.crew.rouse()
