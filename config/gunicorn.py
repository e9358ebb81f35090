"""How gunicorn serves the pages. What differs by place comes from the environment."""

import gc
import os
import threading
from typing import Any

from config import logs

bind = f"{os.environ.get('LISTEN_HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_WORKERS", "1"))
worker_class = "gthread"
threads = 16
# A pull asked for by a page has its own deadline, which is shorter.
timeout = 120
# Longer than all requests of one refresh (connections.grants.renewal): killed before the answer, a strict
# server's grant is lost. Nobody waits for it who has nothing under way.
graceful_timeout = 95
# Opened in the home directory otherwise, which may not be there.
control_socket_disable = True
accesslog = None
loglevel = "warning"
# Before Django has said how lines look, and in the process that watches the others.
logconfig_dict = logs.configuration(os.environ.get("LOG_FORMAT", "").lower() or "console", "WARNING")
logconfig_dict["loggers"]["gunicorn.error"] = {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
proc_name = "api-connector-web"


def post_worker_init(worker: Any) -> None:
    """Show that this process lives, and look who else does.

    Store renewed tokens that a process before this one could not; workers do so at each tick.
    """
    from django.utils.timezone import now

    from config import heartbeat
    from connections import grants

    settle()
    heartbeat.show_web()
    threading.Thread(target=grants.store_what_was_left, kwargs={"now": now()}, daemon=True).start()


def settle() -> None:
    """Load the views now, and have the garbage collector leave alone what is there: a look at it takes 50 ms.

    Of a hundred pages it would be one or two that wait for that.
    """
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
