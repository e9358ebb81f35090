import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from requests_builder import manifest


class Command(BaseCommand):
    help = "Make a team's connections, requests and schedules as a YAML file says; - reads standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        file, is_rehearsal = options["file"], options["dry_run"]
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from None
        try:
            document = manifest.load(text, os.environ)
            changes = manifest.apply(document, now=timezone.now(), is_rehearsal=is_rehearsal)
        except manifest.InvalidManifest as invalid:
            raise CommandError(f"Nothing was changed.\n{invalid}") from None
        for line in changes.lines:
            self.stdout.write(line)
        if is_rehearsal:
            self.stdout.write("Nothing was changed: this was a rehearsal.")
