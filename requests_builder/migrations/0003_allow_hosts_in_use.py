"""Requests that use a connection today go on: their hosts are allowed for it."""

from urllib.parse import urlsplit

from django.db import migrations

DEFAULT_PORTS = {"http": 80, "https": 443}


def _host(url):
    """The host as it is stored, with port if it is not the scheme's; empty for what cannot be read."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
        host = host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return ""
    if not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port in (None, DEFAULT_PORTS.get(parts.scheme.lower())) else f"{host}:{port}"


def allow_hosts_in_use(apps, schema_editor):
    saved_requests = apps.get_model("requests_builder", "SavedRequest").objects.using(schema_editor.connection.alias)
    used = saved_requests.filter(authorization_kind="oauth", connection__isnull=False)
    for saved_request in used.select_related("connection").iterator(500):
        # Fresh each time: several requests may use one connection.
        connection = saved_request.connection
        connection.refresh_from_db(fields=["allowed_hosts"])
        host = _host(saved_request.url)
        own = {_host(connection.authorization_url), _host(connection.token_url), *connection.allowed_hosts}
        if host and host not in own:
            connection.allowed_hosts = [*connection.allowed_hosts, host]
            connection.save(update_fields=["allowed_hosts"])


class Migration(migrations.Migration):
    dependencies = [
        ("requests_builder", "0002_runs"),
        ("connections", "0003_dialects"),
    ]

    operations = [migrations.RunPython(allow_hosts_in_use, migrations.RunPython.noop, elidable=True)]
