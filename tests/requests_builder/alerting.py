"""What tests of alerts share: schedules with runs that have ended, and somebody who listens."""

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db import connections
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Role, Team, User
from requests_builder import alerts, runs
from requests_builder.models import (
    Alert,
    Channel,
    ChannelKind,
    Run,
    RunState,
    SavedRequest,
    Schedule,
    Trigger,
)
from requests_builder.schedules import Minutes
from tests import factories
from tests.conftest import NOON

FIVE = timedelta(minutes=5)


def reader(team: Team, role: Role = Role.EDITOR, **fields: Any) -> User:
    """A member with an address that was confirmed."""
    user = factories.member_of(team, role, **fields)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def scheduled(
    team: Team, now: datetime, name: str = "Contacts", *, is_due: bool = False, **fields: Any
) -> Schedule:
    """A request on a schedule of five minutes, which the watcher has begun to watch.

    `is_due`: its due times come; else a test writes its runs, and no scheduler is missed.
    """
    saved_request: SavedRequest = factories.SavedRequestFactory(team=team, name=name, **fields)
    schedule = runs.set_schedule(saved_request, Minutes(5), user=None, now=now)
    if not is_due:
        schedule.next_at = now + timedelta(days=3650)
        schedule.save(update_fields=["next_at"])
    alerts.watch(now=now)
    return schedule


def ended(schedule: Schedule, at: datetime, state: RunState = RunState.FAILED, **fields: Any) -> Run:
    """A run that was due, and ended, at this moment."""
    said = {"error": "The API answered 404 Not Found.", "error_code": "not_found", "mender": "editor"}
    return Run.objects.create(
        team_id=schedule.saved_request.team_id,
        saved_request=schedule.saved_request,
        due_at=at,
        not_before=at,
        attempts=1,
        finished_at=at,
        state=state,
        schedule=None if fields.get("trigger") == Trigger.MANUAL else schedule,
        **{
            "trigger": Trigger.SCHEDULE,
            "rows": 0 if state == RunState.FAILED else 3,
            **(said if state == RunState.FAILED else {}),
            **fields,
        },
    )


def told(**chosen: Any) -> list[tuple[str, str]]:
    """Kind and event of what was told, in order."""
    found = Alert.objects.filter(**chosen).order_by("at", "is_recovery", "incident__kind")
    return [(alert.facts["kind"], alert.facts["event"]) for alert in found]


def together(count: int, work: Any) -> None:
    """Do it in so many threads at the same moment; what one raises is raised."""
    barrier, errors = threading.Barrier(count), []

    def go() -> None:
        try:
            barrier.wait()
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


class Listener:
    """A receiver of messages with a real one's rules: it wants JSON by POST, and may be out of order."""

    def __init__(self, server: HTTPServer, path: str) -> None:
        self.url = f"http://127.0.0.1:{server.port}{path}"
        self.status = 200
        self.words = "ok"
        self.seconds = 0.0
        self.headers: dict[str, str] = {}
        self.requests: list[Request] = []
        server.expect_request(path).respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        if request.method != "POST" or request.headers.get("Content-Type") != "application/json":
            return Response("invalid_payload", 400)
        json.loads(request.get_data())
        self.requests.append(request)
        time.sleep(self.seconds)
        return Response(self.words, self.status, self.headers)

    @property
    def messages(self) -> list[Any]:
        return [json.loads(request.get_data()) for request in self.requests]

    def channel(self, team: Team, kind: ChannelKind, name: str = "") -> tuple[Channel, str]:
        """A channel to it, and its secret if it has one."""
        made = Channel(team=team, kind=kind)
        user = factories.UserFactory()
        secret = alerts.channels.save(made, name=name or kind.label, url=self.url, user=user, now=NOON)
        return made, secret


Listen = Callable[[str], Listener]
