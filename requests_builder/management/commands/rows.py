import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from requests_builder import tables
from requests_builder.management import print_lines, table_called, team_called


class Command(BaseCommand):
    help = "Print the rows of a team's table as lines of JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM")
        parser.add_argument("table", metavar="TABLE")

    def handle(self, *args: Any, **options: Any) -> None:
        table = table_called(team_called(options["team"]), options["table"])
        print_lines(self.stdout, (json.dumps(record, ensure_ascii=False) for record in tables.records(table)))
