"""The Celery app, and all that runs on a clock, in one table.

The database is the truth and the broker a doorbell: what is due is found again by the ticks below, so
a message may be lost, come late or come twice.
"""

import gc
import os

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

from config import heartbeat

app = Celery("config", broker=settings.BROKER_URL)
app.autodiscover_tasks()

# `expires` (seconds): a worker that was stopped for an hour must not find 3,600 ticks. Generous, for a
# worker whose clock is ahead of the scheduler's throws away what has expired by its own clock.
BEAT_SCHEDULE = {
    "start due runs": {
        "task": "requests_builder.tasks.start_due_runs",
        # Half of it is how late a run begins that nothing else holds up. An idle tick takes two queries.
        "schedule": 0.3,
        "options": {"expires": 30},
    },
    "recover runs": {
        "task": "requests_builder.tasks.recover_runs",
        "schedule": 5.0,
        "options": {"expires": 30},
    },
    "sort tables": {
        "task": "requests_builder.tasks.sort_tables",
        "schedule": 2.0,
        "options": {"expires": 30},
    },
    "refresh due tokens": {
        "task": "connections.tasks.refresh_due_tokens",
        # A refresh whose worker died is taken up within a lease and this: 25 s, when servers that rotate
        # still take the old token.
        "schedule": 5.0,
        "options": {"expires": 30},
    },
    "revoke discarded tokens": {
        "task": "connections.tasks.revoke_discarded_tokens",
        "schedule": 15.0,
        "options": {"expires": 60},
    },
    "thin the log of token calls": {
        "task": "connections.tasks.thin_history",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "watch runs": {
        "task": "requests_builder.tasks.watch_runs",
        "schedule": 10.0,
        "options": {"expires": 30},
    },
    "send alerts": {
        "task": "requests_builder.tasks.send_alerts",
        "schedule": 10.0,
        "options": {"expires": 30},
    },
    "tell people about connections": {
        "task": "connections.tasks.tell_people",
        "schedule": 30.0,
        "options": {"expires": 60},
    },
}

app.conf.update(
    beat_schedule=BEAT_SCHEDULE,
    # In memory: intervals of seconds need no file, and a file is one more thing that a kill can break.
    beat_scheduler="celery.beat:Scheduler",
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # A message that a dead worker held comes back after `visibility_timeout`, found by a sweep every
        # interval x throttle seconds (by default 100). Recovery does not wait for it: runs have leases.
        "visibility_timeout": 3600,
        "unacked_restore_interval": 15,
        "unacked_restore_throttle": 1,
        "unacked_restore_limit": 100,
        # A broker that vanishes without closing the connection is noticed within some 20 seconds.
        "health_check_interval": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "socket_timeout": 20,
    },
    accept_content=["json"],
    task_serializer="json",
    task_acks_late=True,
    task_ignore_result=True,
    # A page that rings the bell must not wait long for a broker that is down: the ticks will find the work.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    task_reject_on_worker_lost=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Runs have threads of their own (WORKER_THREADS): these are for ticks, refreshes and bells.
    worker_concurrency=8,
    worker_enable_remote_control=False,
    # Processes cost 30 MB each; pulls wait for other people's servers, which threads do as well.
    worker_pool="threads",
    worker_prefetch_multiplier=1,
)


def wind_down(**_: object) -> None:
    """A stop must not come between a refresh and its answer: begin no more of them. Runs are handed over."""
    # Late: beat knows this module, too, and has no apps.
    from connections import grants
    from requests_builder import runs

    grants.wind_down()
    runs.crew.wind_down()


def settle(**_: object) -> None:
    """What is loaded by now stays loaded: the garbage collector need not look at it during each pull."""
    gc.collect()
    gc.freeze()


setup_logging.connect(heartbeat.leave_logging_to_django)
worker_ready.connect(heartbeat.show_worker)
worker_ready.connect(settle)
worker_shutting_down.connect(wind_down)
beat_init.connect(heartbeat.show_beat)
