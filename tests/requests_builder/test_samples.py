"""Answers that are kept while somebody works with them."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.models import Role, Team, User
from demo_api.server import DemoServer
from requests_builder import samples
from requests_builder.models import Sample
from requests_builder.records import UnreadableAnswer
from tests import factories
from tests.requests_builder.conftest import CONTACTS

pytestmark = pytest.mark.django_db

HEADERS = (("Content-Type", "Text/CSV; charset=cp1252"), ("Link", "<?page=2>; rel=next"))


def kept(team: Team, user: User, now: datetime, body: bytes = b"id\n1\n") -> UUID:
    return samples.keep(
        team, user, url="https://api.example/rows", status=200, headers=HEADERS, body=body, now=now
    )


def test_an_answer_is_found_as_it_came(team: Team, editor: User, now: datetime) -> None:
    sample = samples.find(team, editor, str(kept(team, editor, now, b"\xff\x00")), now=now)

    assert sample
    assert (sample.body, sample.status, sample.headers) == (b"\xff\x00", 200, HEADERS)
    assert (sample.url, sample.media_type, sample.is_cut) == ("https://api.example/rows", "text/csv", False)


def test_an_answer_is_its_readers_alone(team: Team, editor: User, now: datetime) -> None:
    sample = kept(team, editor, now)
    other = factories.TeamFactory()
    factories.Membership.objects.create(team=other, user=editor, role=Role.OWNER)

    assert samples.find(team, factories.member_of(team, Role.OWNER), sample, now=now) is None
    assert samples.find(other, editor, sample, now=now) is None


@pytest.mark.parametrize(
    "nonsense", ["", "x", None, "../../etc/passwd", "0acc5ee7-602b-4e4c-9de1-252ec27757dc"]
)
def test_what_is_no_id_of_an_answer_finds_none(
    nonsense: str | None, team: Team, editor: User, now: datetime
) -> None:
    assert samples.find(team, editor, nonsense, now=now) is None


def test_an_answer_ends_after_half_an_hour_and_is_removed(team: Team, editor: User, now: datetime) -> None:
    sample, later = kept(team, editor, now), now + timedelta(minutes=30)

    assert samples.find(team, editor, sample, now=later - timedelta(seconds=1))
    assert samples.find(team, editor, sample, now=later) is None
    assert samples.sweep(later - timedelta(seconds=1)) == 0
    assert samples.sweep(later) == 1
    assert not Sample.objects.exists()


def test_a_reader_has_a_few_answers_and_the_newest_stay(team: Team, editor: User, now: datetime) -> None:
    found = [kept(team, editor, now + timedelta(seconds=number)) for number in range(7)]
    others = kept(team, factories.member_of(team, Role.OWNER), now)

    assert set(Sample.objects.values_list("pk", flat=True)) == {*found[2:], others}


def test_a_long_answer_is_cut_and_says_so(team: Team, editor: User, now: datetime) -> None:
    sample = samples.find(team, editor, kept(team, editor, now, b"x" * (samples.MAX_BYTES + 1)), now=now)

    assert sample
    assert (len(sample.body), sample.is_cut) == (samples.MAX_BYTES, True)


def test_what_is_stored_can_be_read_with_the_key_only(team: Team, editor: User, now: datetime) -> None:
    kept(team, editor, now, b"confidential")

    assert b"confidential" not in bytes(Sample.objects.get().__dict__["content"])
    Sample.objects.update(id=uuid4())
    assert samples.find(team, editor, Sample.objects.get().pk, now=now) is None


def test_run_in_the_builder_keeps_the_answer_without_secrets_that_it_repeats(
    client: Client, team: Team, editor: User, provider: DemoServer
) -> None:
    client.force_login(editor)
    posted = {
        "url": f"{provider.url}/api/echo",
        "authorization_kind": "bearer",
        "bearer_token": "very-secret",
    }

    page = client.post("/t/acme/requests/try/", posted, headers={"HX-Request": "true"})

    stored = Sample.objects.get()
    sample = samples.find(team, editor, stored.pk, now=stored.created_at)
    assert sample
    assert f'name="sample" value="{stored.pk}"' in page.content.decode()
    assert "•••" in sample.body.decode()
    assert b"very-secret" not in sample.body


def test_no_answer_is_no_sample(client: Client, editor: User, provider: DemoServer) -> None:
    client.force_login(editor)
    provider.drop(CONTACTS, times=None)

    client.post("/t/acme/requests/try/", {"url": f"{provider.url}{CONTACTS}"}, headers={"HX-Request": "true"})

    assert not Sample.objects.exists()


def test_an_answer_too_long_to_be_kept_is_told(team: Team, editor: User, now: datetime) -> None:
    sample = samples.find(team, editor, kept(team, editor, now, b"x" * (samples.MAX_BYTES + 1)), now=now)

    assert sample
    with pytest.raises(UnreadableAnswer, match="longer than 10 MB"):
        samples.document_of(sample)
