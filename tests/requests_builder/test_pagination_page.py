"""What a path of pagination leads to in the answer of the last Run, said while it is typed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Team, User
from requests_builder import samples
from tests.factories import member_of
from tests.requests_builder.pages import text

META = b'{"next": "/items?page=2", "more": true, "total": 9, "at": null}'
BODY = b'{"data": [{"id": 1}, {"id": 7}], "meta": ' + META + b"}"


@pytest.fixture
def sample(team: Team, editor: User) -> str:
    headers = (
        ("Content-Type", "application/json"),
        ("Link", '</items?page=2>; rel="next"'),
        ("X-Next", "c2"),
    )
    kept = samples.keep(
        team,
        editor,
        url="https://api.example/items",
        status=200,
        headers=headers,
        body=BODY,
        now=timezone.now(),
    )
    return str(kept)


@pytest.mark.parametrize(
    ("role", "path", "said"),
    [
        ("next_url", "meta.next", "Found: “/items?page=2”"),
        ("next_url", "meta.nxt", "Nothing is there in the answer. Did you mean meta.next?"),
        ("next_url", "meta", "No URL is there, but an object; did you mean meta.next?"),
        ("next_url", "meta.at", "It is there, and empty on this page (null)"),
        ("next_url", "meta[", "is not a JMESPath expression"),
        ("cursor", "meta.total", "Found: 9"),
        ("cursor_header", "x-next", "Found: “c2”"),
        ("cursor_header", "X-Missing", "The answer has no header of this name."),
        ("cursor_last_record", "id", "Found: 7"),
        ("has_more", "meta.more", "Found: true"),
        ("has_more", "meta.next", "Neither true nor false is there"),
        ("total", "meta.total", "Found: 9"),
        ("total", "data", "No number is there, but a list"),
        ("link_header", "", "Found: “https://api.example/items?page=2”"),
        ("next_url", " ", ""),
        ("nonsense", "meta", ""),
    ],
)
def test_a_path_is_checked_in_the_answer_of_the_last_run(
    client: Client, team: Team, editor: User, sample: str, role: str, path: str, said: str
) -> None:
    client.force_login(editor)
    posted: dict[str, Any] = {"role": role, "path": path, "sample": sample, "records_path": "data"}

    answer = client.post(f"/t/{team.slug}/requests/pagination-check/", posted)

    assert answer.status_code == 200
    assert said in text(answer) if said else not text(answer).strip()


def test_without_an_answer_or_with_somebody_elses_nothing_is_said(
    client: Client, team: Team, sample: str
) -> None:
    client.force_login(member_of(team, Role.ADMIN))
    for name in ("", sample):
        posted = {"role": "total", "path": "meta.total", "sample": name}
        assert not text(client.post(f"/t/{team.slug}/requests/pagination-check/", posted)).strip()
