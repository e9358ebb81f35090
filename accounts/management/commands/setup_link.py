"""`manage.py setup_link`: the way to the first account."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse
from django.utils import timezone

from accounts.models import SetupLink


class Command(BaseCommand):
    """Prints a fresh link while nobody has an account, and nothing afterwards."""

    help = "Print the one-time link that makes the first account; print nothing when there is an account."

    def handle(self, *args: Any, **options: Any) -> None:
        if SetupLink.is_setup_open():
            token = SetupLink.issue(timezone.now())
            self.stdout.write(settings.BASE_URL + reverse("accounts:setup", args=[token]))
