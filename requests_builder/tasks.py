"""What workers are asked to do. Each finds its rows and calls one function.

No message names a run: all that decides is in the rows, and whoever is woken takes those that are next.
"""

from celery import shared_task
from django.utils.timezone import now

from requests_builder import alerts, history, runs, samples, tables, tries

# Of the keys of sorted tables: so many are made and removed in one go, which takes some ten seconds and one.
SORTED_AT_ONCE = 200_000
SWEPT_AT_ONCE = 20_000


@shared_task
def start_due_runs() -> None:
    """Several times a second: what is due becomes runs."""
    runs.bell.ring(runs.start_due_runs(now()))


@shared_task
def recover_runs() -> None:
    """Every few seconds: runs whose message or worker was lost; and a little cleaning."""
    runs.bell.ring(runs.recover_runs(now()))
    runs.sweep(now())
    samples.sweep(now())
    tables.sorting.sweep(now(), SWEPT_AT_ONCE)
    tries.sweep(now())
    history.sweep(now())


@shared_task
def work() -> None:
    """There is work: this process takes as many runs as it has hands for."""
    runs.crew.rouse()


@shared_task
def sort_tables() -> None:
    """Every two seconds: large tables that somebody looks at in the order of a column."""
    tables.sorting.work(now(), SORTED_AT_ONCE)


@shared_task
def watch_runs() -> None:
    """Every few seconds: how runs have ended, and what is late, against what people have been told."""
    alerts.watch(now=now())


@shared_task
def send_alerts() -> int:
    """Every few seconds: the alerts that wait. Apart from the watching, which no channel may hold up."""
    return alerts.post(now=now())
