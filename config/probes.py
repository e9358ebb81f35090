"""What machines ask: whether this process lives, and whether it is of use. No session, no secrets."""

from importlib.util import find_spec
from pkgutil import iter_modules

import redis
from django.apps import apps
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

# Seconds; whoever asks does not wait much longer.
BROKER_TIMEOUT = 2.0


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """`ok` while the process answers. No other part is asked: a restart of this one would mend none."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests should be sent here, and by name whether each part is there: 503 while one is not."""
    parts = {"database": True, "migrations": True, "broker": _broker_answers()}
    try:
        parts["migrations"] = are_migrations_applied()
    except Error:
        parts["database"] = parts["migrations"] = False
    is_ready = all(parts.values())
    found = {name: "ok" if is_there else "missing" for name, is_there in parts.items()}
    return JsonResponse({"ready": is_ready, **found}, status=200 if is_ready else 503)


def are_migrations_applied() -> bool:
    """Whether the database has come as far as this code; further is well. Raises django.db.Error."""
    applied = MigrationRecorder(connection).applied_migrations().keys()
    return _own_migrations() <= set(applied)


def _own_migrations() -> set[tuple[str, str]]:
    """App and name of each migration that this code has. By the files' names: to import them costs 7 MB."""
    found = set()
    for app in apps.get_app_configs():
        spec = find_spec(f"{app.name}.migrations")
        if spec and spec.submodule_search_locations:
            names = (module.name for module in iter_modules(spec.submodule_search_locations))
            found |= {(app.label, name) for name in names if name[0] not in "_~"}
    return found


def _broker_answers() -> bool:
    url = settings.BROKER_URL.replace("redis+socket://", "unix://")
    once = Retry(NoBackoff(), 0)
    limits = {"socket_timeout": BROKER_TIMEOUT, "socket_connect_timeout": BROKER_TIMEOUT}
    try:
        with redis.Redis.from_url(url, retry=once, **limits) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
