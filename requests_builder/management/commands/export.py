from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from requests_builder import manifest
from requests_builder.management import team_called


class Command(BaseCommand):
    help = "Print a team's connections, requests and schedules as the YAML that `apply` reads; no secrets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(manifest.export(team_called(options["team"])), ending="")
