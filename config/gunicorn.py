"""How gunicorn serves the pages. What differs by place comes from the environment."""

import logging
import os
import threading
from typing import Any

from config.logs import WithoutTokens

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
proc_name = "api-connector-web"


def post_worker_init(worker: Any) -> None:
    """Store renewed tokens that a process before this one could not; workers do so at each tick."""
    from django.utils.timezone import now

    from connections import grants

    # Where it says which request failed.
    logging.getLogger("gunicorn.error").addFilter(WithoutTokens())
    threading.Thread(target=grants.store_what_was_left, kwargs={"now": now()}, daemon=True).start()
