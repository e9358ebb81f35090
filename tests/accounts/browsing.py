"""What a reader sees of a page, and several readers at once."""

import html
import re
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.models import Invitation, Membership, Role, SetupLink, Team, User
from tests.factories import member_of

PASSWORD = "correct horse battery"


def text(response: HttpResponse) -> str:
    """The words of a page, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def browser() -> Client:
    """Another browser at BASE_URL."""
    return Client(headers={"host": urlsplit(settings.BASE_URL).netloc})


def signed_in(user: User) -> Client:
    client = browser()
    client.force_login(user)
    return client


def finish_setup() -> None:
    """There is an account, so setup is over."""
    if SetupLink.is_setup_open():
        User.objects.create_verified("first@example.org", PASSWORD)


def membership(user: User, team: Team) -> Membership:
    return Membership.objects.select_related("team", "user").get(user=user, team=team)


def admin_of(team: Team) -> Membership:
    return membership(member_of(team, Role.ADMIN), team)


def path_in(mail: str) -> str:
    """The path of the one link in a mail, which must lead to BASE_URL."""
    (url,) = re.findall(r"https?://\S+", mail)
    assert url.startswith(settings.BASE_URL + "/")
    return str(url.removeprefix(settings.BASE_URL))


def end(invitation: Invitation, **fields: object) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(**fields)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each act returned or raised, all started at the same moment, each with a connection of its own."""
    start = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            results[place] = act()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results
