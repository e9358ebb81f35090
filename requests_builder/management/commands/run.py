import time
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from requests_builder import runs
from requests_builder.management import request_called, run_as_line, team_called
from requests_builder.models import Run, RunState


class Command(BaseCommand):
    help = "Run a request into its table now, here, and print the run as a line of JSON; exit 1 if it failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", metavar="TEAM")
        parser.add_argument("request", metavar="REQUEST")

    def handle(self, *args: Any, **options: Any) -> None:
        saved_request = request_called(team_called(options["team"]), options["request"])
        run = runs.request_run(saved_request, user=None, now=timezone.now())
        while not run.is_finished:
            # A worker that was woken may be quicker: then this only waits for it.
            runs.execute(run.id, worker=uuid4(), now=timezone.now())
            run = Run.objects.select_related("saved_request").get(pk=run.pk)
            if not run.is_finished:
                time.sleep(0.5)
        self.stdout.write(run_as_line(run))
        if run.state == RunState.FAILED:
            raise CommandError(run.error)
