"""The first account: only with the printed link, only once."""

from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from accounts import setup
from accounts.models import SETUP_LINK_LIFE, Role, SetupLink, Team, User
from tests.accounts.browsing import PASSWORD, at_once, browser, text

ANN = {"name": "Ann Arbor", "email": "Ann@example.org", "password": PASSWORD, "team_name": "Acme & Sons"}


def printed() -> str:
    out = StringIO()
    call_command("setup_link", stdout=out)
    return out.getvalue().strip()


def path() -> str:
    return printed().removeprefix(settings.BASE_URL)


@pytest.mark.django_db
def test_the_first_start_prints_one_link_and_a_start_with_an_account_prints_nothing(client: Client) -> None:
    link = printed()

    assert link.startswith(f"{settings.BASE_URL}/setup/")
    assert len(link.rstrip("/").rpartition("/")[2]) >= 43  # 256 bit in base64
    client.post(link.removeprefix(settings.BASE_URL), ANN)
    assert printed() == ""


@pytest.mark.django_db
def test_the_link_makes_a_user_with_a_verified_address_and_a_team_and_signs_in(client: Client) -> None:
    response = client.post(path(), ANN)

    user, team = User.objects.get(), Team.objects.get()
    assert (user.email, user.name, user.owns_address("ann@example.org")) == (
        "ann@example.org",
        "Ann Arbor",
        True,
    )
    assert user.check_password(PASSWORD)
    assert (team.name, team.slug) == ("Acme & Sons", "acme-sons")
    assert team.memberships.get().role == Role.OWNER
    assert (response.status_code, response["Location"]) == (302, "/t/acme-sons/")
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_a_used_link_makes_no_second_account_and_its_page_says_that_setup_is_done(client: Client) -> None:
    link = path()
    client.post(link, ANN)

    response = browser().post(link, ANN | {"email": "eve@example.org"})

    assert response.status_code == 410
    assert "Setup is done" in text(response)
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_an_expired_link_says_so_and_the_next_start_prints_a_new_one(client: Client) -> None:
    link = path()
    SetupLink.objects.update(expires_at=timezone.now())

    response = client.post(link, ANN)

    assert response.status_code == 410
    assert "This setup link has expired" in text(response)
    assert "Start the product again: it prints a new one" in text(response)
    assert not User.objects.exists()
    assert client.post(path(), ANN).status_code == 302


@pytest.mark.django_db
def test_a_link_lasts_an_hour() -> None:
    printed()

    left = SetupLink.objects.get().expires_at - timezone.now()
    assert SETUP_LINK_LIFE - timedelta(minutes=1) < left <= timedelta(hours=1)


@pytest.mark.django_db
def test_a_second_start_prints_a_fresh_link_and_ends_the_earlier_one(client: Client) -> None:
    earlier, later = path(), path()

    ended = client.get(earlier)

    assert ended.status_code == 404
    assert "This setup link is not known" in text(ended)
    assert "a newer link ends the ones before it" in text(ended)
    assert client.post(earlier, ANN).status_code == 404
    assert client.get(later).status_code == 200


@pytest.mark.django_db
def test_an_account_made_by_a_command_ends_the_link(client: Client) -> None:
    link = path()
    User.objects.create_superuser("root@example.org", PASSWORD)

    assert client.post(link, ANN).status_code == 410
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_setup_stays_closed_when_the_first_account_is_gone(client: Client) -> None:
    client.post(path(), ANN)
    User.objects.all().delete()

    assert printed() == ""


@pytest.mark.django_db
def test_the_database_refuses_a_second_used_link() -> None:
    now = timezone.now()
    SetupLink.objects.create(token_hash="1", expires_at=now, used_at=now)

    with pytest.raises(IntegrityError):
        SetupLink.objects.create(token_hash="2", expires_at=now, used_at=now)


@pytest.mark.django_db
def test_a_link_whose_setup_lost_against_another_is_closed() -> None:
    now = timezone.now()
    token = SetupLink.issue(now)
    SetupLink.objects.create(token_hash="1", expires_at=now, used_at=now)

    with pytest.raises(setup.Closed):
        setup.set_up(token, email="a@example.org", password=PASSWORD, name="A", team_name="A", now=now)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_link_is_claimed_once_and_not_after_its_hour() -> None:
    now = timezone.now()
    late = SetupLink.issue(now)
    assert not SetupLink.claim(late, now + SETUP_LINK_LIFE)

    token = SetupLink.issue(now)
    assert SetupLink.claim(token, now)
    assert not SetupLink.claim(token, now)


@pytest.mark.django_db
def test_a_link_makes_no_account_beside_one_that_a_command_made_a_moment_ago() -> None:
    now = timezone.now()
    token = SetupLink.issue(now)
    User.objects.create_superuser("root@example.org", PASSWORD)

    with pytest.raises(setup.Closed):
        setup.set_up(token, email="a@example.org", password=PASSWORD, name="A", team_name="A", now=now)
    assert SetupLink.objects.get().used_at is None


@pytest.mark.django_db(transaction=True)
def test_two_uses_at_the_same_moment_make_one_account() -> None:
    link = path()

    def use(email: str) -> int:
        return browser().post(link, ANN | {"email": email}).status_code

    answers = at_once(*[lambda email=f"a{n}@example.org": use(email) for n in range(4)])

    assert sorted(answers, key=str) == [302, 410, 410, 410]
    assert User.objects.count() == Team.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"password": "short"}, "This password is too short. It must contain at least 10 characters."),
        ({"password": "ann@example.org"}, "The password is too similar to the e-mail address."),
        ({"password": "1234567890"}, "This password is too common."),
        ({"name": "   "}, "This field is required."),
        ({"team_name": "Acme\u202eSons"}, "A name is made of letters, digits, spaces and signs"),
    ],
)
def test_bad_input_keeps_the_link_and_says_what_is_wrong(
    client: Client, change: dict[str, str], sentence: str
) -> None:
    link = path()

    response = client.post(link, ANN | change)

    assert response.status_code == 422
    assert sentence in text(response)
    assert PASSWORD not in response.content.decode()
    assert client.post(link, ANN).status_code == 302


@pytest.mark.django_db
def test_before_the_first_account_the_start_page_leads_to_the_words_about_the_link(client: Client) -> None:
    response = client.get("/", follow=True)

    assert "Open the setup link that was printed on the console" in text(response)
