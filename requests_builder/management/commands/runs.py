from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from requests_builder.management import print_lines, request_called, run_as_line, team_called


class Command(BaseCommand):
    help = "Print a team's runs, the newest first, as lines of JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM")
        parser.add_argument("--request", metavar="REQUEST", help="of this request alone")
        parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most N (100)")

    def handle(self, *args: Any, **options: Any) -> None:
        team = team_called(options["team"])
        found = team.runs.select_related("saved_request").order_by("-due_at", "-id")
        if options["request"]:
            found = found.filter(saved_request=request_called(team, options["request"]))
        newest = found[: max(options["limit"], 0)].iterator(chunk_size=1000)
        print_lines(self.stdout, map(run_as_line, newest))
