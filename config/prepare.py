"""What has to be done before the processes start: the database, and the link to the first account.

One process for both, since importing everything takes longer than either.
"""

import os

import django
from django.core.management import call_command


def prepare() -> None:
    """Bring the database up to date; print the one-time setup link, or nothing when an account exists."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("setup_link")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    prepare()
