"""Who may sign up, and what the library's mails and pages give away."""

import pytest
from allauth.core import context
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from accounts import invitations
from accounts.adapter import Adapter
from accounts.models import Role, Team, User
from tests.accounts.browsing import PASSWORD, admin_of, browser, finish_setup, path_in, text

BOB = {"name": "Bob", "email": "bob@example.org", "password1": PASSWORD}


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["open", "invitation", "closed"])
def test_until_the_first_account_exists_nobody_signs_up_whatever_signup_says(
    client: Client, settings: Settings, mode: str
) -> None:
    settings.SIGNUP = mode

    response = client.post("/accounts/signup/", BOB)

    assert "Open the setup link that was printed on the console" in text(response)
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "sentence"),
    [("invitation", "An account needs an invitation."), ("closed", "New accounts cannot be made here.")],
)
def test_without_an_invitation_only_an_open_installation_lets_people_sign_up(
    client: Client, settings: Settings, mode: str, sentence: str
) -> None:
    settings.SIGNUP = mode
    finish_setup()

    response = client.post("/accounts/signup/", BOB)

    assert sentence in text(response)
    assert not User.objects.filter(email="bob@example.org").exists()


@pytest.mark.django_db
def test_who_signs_up_confirms_the_address_signs_in_and_creates_a_team(
    client: Client, settings: Settings
) -> None:
    settings.SIGNUP = "open"
    finish_setup()

    client.post("/accounts/signup/", BOB)
    user = User.objects.get(email="bob@example.org")
    assert user.name == "Bob"
    assert not user.owns_address("bob@example.org")
    client.post("/accounts/login/", {"login": "bob@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.post(path_in(mail.outbox[0].body))
    client.post("/accounts/login/", {"login": "bob@example.org", "password": PASSWORD})
    page = client.get("/", follow=True)

    assert "Create your team" in text(page)
    assert client.post("/teams/new/", {"name": "Bob's"})["Location"] == "/t/bobs/"
    assert Team.objects.get().memberships.get().role == Role.OWNER


@pytest.mark.django_db
def test_a_closed_installation_lets_not_even_the_invited_sign_up(
    client: Client, settings: Settings, team: Team
) -> None:
    settings.SIGNUP = "closed"
    invite = {"by": admin_of(team), "now": timezone.now()}
    _, token = invitations.invite("bob@example.org", Role.EDITOR, **invite)

    page = client.get(f"/invitations/{token}/", follow=True)

    assert "New accounts cannot be made here." in text(page)


@pytest.mark.django_db
def test_sign_up_answers_the_same_for_an_address_with_and_without_an_account(settings: Settings) -> None:
    settings.SIGNUP = "open"
    finish_setup()

    answers = []
    for email in ("first@example.org", "nobody@example.org"):
        page = browser().post("/accounts/signup/", BOB | {"email": email}, follow=True)
        answers.append((page.status_code, page.redirect_chain, text(page).replace(email, "…")))

    assert answers[0] == answers[1]
    assert [message.to for message in mail.outbox] == [["first@example.org"], ["nobody@example.org"]]
    assert User.objects.count() == 2


@pytest.mark.django_db
def test_a_password_reset_answers_the_same_for_an_address_with_and_without_an_account() -> None:
    finish_setup()

    answers = []
    for email in ("first@example.org", "nobody@example.org"):
        page = browser().post("/accounts/password/reset/", {"email": email}, follow=True)
        answers.append((page.status_code, page.redirect_chain, text(page).replace(email, "…")))

    assert answers[0] == answers[1]


@pytest.mark.django_db
def test_signing_in_answers_the_same_for_an_address_with_and_without_an_account() -> None:
    finish_setup()

    answers = []
    for email in ("first@example.org", "nobody@example.org"):
        page = browser().post("/accounts/login/", {"login": email, "password": "wrong"})
        answers.append((page.status_code, text(page).replace(email, "…")))

    assert answers[0] == answers[1]


@pytest.mark.django_db
def test_links_in_the_librarys_mails_lead_to_base_url_whatever_host_was_asked(settings: Settings) -> None:
    settings.BASE_URL = "https://connect.example"
    finish_setup()
    asked = browser()

    asked.post("/accounts/password/reset/", {"email": "first@example.org"})
    asked.post("/accounts/password/reset/", {"email": "nobody@example.org"})

    for message in mail.outbox:
        assert "https://connect.example/accounts/" in message.body
        assert "localhost" not in message.body
        assert "localhost" not in message.subject


def test_a_link_built_from_another_host_is_mended_before_it_is_mailed(rf: RequestFactory) -> None:
    asked = rf.get("/", headers={"host": "127.0.0.1:8000"})
    link = "http://evil.example/accounts/password/reset/key/1-x/"
    with context.request_context(asked):
        Adapter().send_mail("account/email/password_reset_key", "a@b.example", {"password_reset_url": link})

    assert path_in(mail.outbox[0].body) == "/accounts/password/reset/key/1-x/"


@pytest.mark.django_db
def test_a_reset_link_works_once_and_ends_the_other_sessions(client: Client) -> None:
    finish_setup()
    elsewhere = browser()
    elsewhere.post("/accounts/login/", {"login": "first@example.org", "password": PASSWORD})
    client.post("/accounts/password/reset/", {"email": "first@example.org"})
    link = path_in(mail.outbox[0].body)
    form = client.get(link, follow=True).request["PATH_INFO"]
    new = "another fine password"
    client.post(form, {"password1": new, "password2": new})

    assert User.objects.get().check_password(new)
    assert elsewhere.get("/teams/new/").status_code == 302
    again = browser()
    again.post(
        again.get(link, follow=True).request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD}
    )
    assert User.objects.get().check_password(new)


@pytest.mark.django_db
def test_the_session_id_changes_when_somebody_signs_in(client: Client) -> None:
    finish_setup()
    client.get("/invitations/nothing/")
    client.post("/accounts/login/", {"login": "first@example.org", "password": "wrong"})
    session = client.session
    session["kept"] = True
    session.save()
    before = client.session.session_key

    client.post("/accounts/login/", {"login": "first@example.org", "password": PASSWORD})

    assert client.session["_auth_user_id"]
    assert client.session.session_key != before


@pytest.mark.django_db
def test_guessing_a_password_is_stopped_after_a_few_attempts(client: Client) -> None:
    finish_setup()

    for _ in range(6):
        page = client.post("/accounts/login/", {"login": "first@example.org", "password": "wrong"})

    assert "Too many failed login attempts" in text(page)
