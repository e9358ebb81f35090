from pathlib import Path

from django.apps import AppConfig
from django.conf import settings


class ConnectionsConfig(AppConfig):
    name = "connections"

    def ready(self) -> None:
        """Stop the start over settings that cannot be read: what to say is known, and to whom."""
        for entry in settings.OUTBOUND_ALLOW:
            from connections.outbound.addresses import Allowance

            try:
                Allowance.parse(entry)
            except ValueError as error:
                raise SystemExit(f"Cannot start: OUTBOUND_ALLOW: {error}") from None
        if path := settings.PROVIDERS_FILE:
            from connections import providers

            try:
                providers.add(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SystemExit(f"Cannot start: PROVIDERS_FILE: {error}") from None
