"""From an e-mail address to a member."""

import socket
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import invitations, teams
from accounts.models import Invitation, Role, Team, User
from tests.accounts.browsing import (
    PASSWORD,
    admin_of,
    at_once,
    browser,
    end,
    membership,
    path_in,
    signed_in,
    text,
)
from tests.factories import member_of

NEW = {"name": "Ann", "email": "ann@example.org", "password1": PASSWORD}


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_verified("ann@example.org", PASSWORD, name="Ann")


@pytest.fixture
def eve(db: None) -> User:
    return User.objects.create_verified("eve@example.org", PASSWORD, name="Eve")


def invited(team: Team, email: str = "ann@example.org", role: Role = Role.EDITOR) -> tuple[Invitation, str]:
    """An invitation and the path of its link."""
    invitation, token = invitations.invite(email, role, by=admin_of(team), now=timezone.now())
    return invitation, f"/invitations/{token}/"


def test_an_admin_invites_and_the_mail_says_who_to_what_as_what_and_until_when(team: Team) -> None:
    admin = admin_of(team)

    page = signed_in(admin.user).post(
        "/t/acme/team/invitations/new/", {"email": "Ann@Example.org", "role": "editor"}, follow=True
    )

    assert "An invitation is on its way to ann@example.org" in text(page)
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["ann@example.org"], "Join Acme on API Connector")
    assert f"{admin.user} invites you to join the team Acme on API Connector as Editor." in message.body
    assert "only for ann@example.org" in message.body
    invitation = Invitation.objects.get()
    token = path_in(message.body).split("/")[2]
    assert len(token) >= 43  # 256 bit in base64
    assert token not in str(vars(invitation))
    left = invitation.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_the_link_in_the_mail_leads_to_base_url(team: Team, settings: Settings) -> None:
    settings.BASE_URL = "https://connect.example"
    invitation, token = invitations.invite(
        "a@example.org", Role.VIEWER, by=admin_of(team), now=timezone.now()
    )

    invitations.send(invitation, token)

    assert f"https://connect.example/invitations/{token}/" in mail.outbox[0].body


def test_a_signed_in_user_sees_who_invites_to_what_and_becomes_a_member_by_accepting(
    team: Team, ann: User
) -> None:
    invitation, link = invited(team)
    client = signed_in(ann)

    page = client.get(link)
    assert "Join Acme" in text(page)
    assert "Editor" in text(page)
    assert not team.memberships.filter(user=ann).exists()

    assert client.post(link)["Location"] == "/t/acme/"
    assert membership(ann, team).role == Role.EDITOR
    invitation.refresh_from_db()
    assert invitation.accepted_at


def test_a_signed_out_user_signs_in_and_comes_back_to_accept(client: Client, team: Team, ann: User) -> None:
    _, link = invited(team)

    first = client.get(link)
    page = client.post(first["Location"], {"login": "ann@example.org", "password": PASSWORD}, follow=True)

    assert page.request["PATH_INFO"] == link
    assert "Accept invitation" in text(page)


def test_somebody_without_an_account_signs_up_with_the_invited_address_and_is_a_member_at_once(
    client: Client, team: Team
) -> None:
    _, link = invited(team)

    page = client.get(link, follow=True)
    assert page.request["PATH_INFO"] == "/accounts/signup/"
    assert "ann@example.org" in page.content.decode()
    response = client.post("/accounts/signup/", NEW | {"email": "eve@example.org"})

    assert response["Location"] == "/"
    user = User.objects.get(email="ann@example.org")
    assert user.owns_address("ann@example.org")
    assert membership(user, team).role == Role.EDITOR
    assert client.get("/")["Location"] == "/t/acme/"
    assert not User.objects.filter(email="eve@example.org").exists()
    assert mail.outbox == []


def test_sign_up_closes_when_the_invitation_ends_in_between(client: Client, team: Team) -> None:
    invitation, link = invited(team)
    client.get(link)
    invitation.withdraw(timezone.now())

    page = client.post("/accounts/signup/", NEW)

    assert "An account needs an invitation." in text(page)
    assert not User.objects.filter(email="ann@example.org").exists()


def test_an_invitation_opens_sign_up_for_one_account_only(client: Client, team: Team) -> None:
    _, link = invited(team)
    client.get(link)
    client.post("/accounts/signup/", NEW)
    client.post("/accounts/logout/")

    assert "An account needs an invitation." in text(client.get("/accounts/signup/"))


def test_somebody_else_is_told_that_it_was_sent_to_another_address_and_accepts_nothing(
    team: Team, eve: User
) -> None:
    invitation, link = invited(team)
    client = signed_in(eve)

    for page in (client.get(link), client.post(link)):
        assert page.status_code == 403
        assert "It was sent to a•••@example.org, and you are signed in as eve@example.org." in text(page)
        assert "ann@example.org" not in page.content.decode()
    assert not team.memberships.filter(user=eve).exists()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_somebody_else_signs_out_and_goes_on_to_the_invitation(team: Team, eve: User) -> None:
    _, link = invited(team)
    client = signed_in(eve)

    page = client.post("/accounts/logout/", {"next": link}, follow=True)

    assert page.request["PATH_INFO"] == "/accounts/signup/"


def test_an_unconfirmed_address_accepts_nothing(team: Team) -> None:
    squatter = User.objects.create_user("ann@example.org", PASSWORD)
    EmailAddress.objects.create(user=squatter, email=squatter.email, primary=True, verified=False)
    _, link = invited(team)

    assert signed_in(squatter).post(link).status_code == 403
    assert not team.memberships.filter(user=squatter).exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"accepted_at": timezone.now()}, "This invitation has been accepted"),
        ({"withdrawn_at": timezone.now()}, "It was withdrawn, or a newer one took its place."),
        ({"expires_at": timezone.now()}, "An invitation can be accepted for 7 days."),
    ],
)
def test_an_ended_invitation_says_how_it_ended_and_accepts_nothing(
    team: Team, ann: User, fields: dict[str, object], sentence: str
) -> None:
    invitation, link = invited(team)
    end(invitation, **fields)
    client = signed_in(ann)

    for page in (client.get(link), client.post(link), browser().get(link)):
        assert page.status_code == 410
        assert sentence in text(page)
    assert not team.memberships.filter(user=ann).exists()
    with pytest.raises(invitations.Ended):
        invitations.accept(invitation, ann, now=timezone.now())


def test_an_unknown_link_says_so(client: Client, team: Team) -> None:
    page = client.get("/invitations/nonsense/")

    assert page.status_code == 404
    assert "This invitation is not known" in text(page)


def test_inviting_again_replaces_the_open_invitation(team: Team, ann: User) -> None:
    _, old = invited(team, role=Role.VIEWER)
    _, new = invited(team, "ANN@example.org", role=Role.ADMIN)
    client = signed_in(ann)

    assert client.post(old).status_code == 410
    client.post(new)

    assert membership(ann, team).role == Role.ADMIN


def test_sending_again_ends_the_old_link(team: Team, ann: User) -> None:
    invitation, old = invited(team)
    admin = admin_of(team)

    signed_in(admin.user).post(f"/t/acme/team/invitations/{invitation.pk}/resend/")

    assert signed_in(ann).get(old).status_code == 410
    assert signed_in(ann).get(path_in(mail.outbox[-1].body)).status_code == 200


def test_a_withdrawn_invitation_leaves_the_list_and_cannot_be_sent_again(team: Team) -> None:
    invitation, _ = invited(team)
    client = signed_in(admin_of(team).user)

    page = client.post(f"/t/acme/team/invitations/{invitation.pk}/withdraw/", follow=True)

    assert "The invitation to ann@example.org is withdrawn" in text(page)
    assert "Nobody is invited at the moment" in text(page)
    assert client.post(f"/t/acme/team/invitations/{invitation.pk}/resend/").status_code == 404


def test_a_member_who_accepts_keeps_the_role(team: Team, ann: User) -> None:
    invitation, _ = invited(team, role=Role.ADMIN)
    team.memberships.create(user=ann, role=Role.VIEWER)

    invitations.accept(invitation, ann, now=timezone.now())

    assert membership(ann, team).role == Role.VIEWER


def test_inviting_a_member_says_that_they_are_one_already(team: Team) -> None:
    member = member_of(team, Role.VIEWER)

    page = signed_in(admin_of(team).user).post(
        "/t/acme/team/invitations/new/", {"email": member.email.upper(), "role": "viewer"}
    )

    assert page.status_code == 422
    assert f"{member.email} is a member of Acme already." in text(page)


def test_an_admin_is_offered_no_owner_role_and_cannot_invite_with_it(team: Team) -> None:
    admin = admin_of(team)
    client = signed_in(admin.user)

    assert 'value="owner"' not in client.get("/t/acme/team/invitations/new/").content.decode()
    page = client.post("/t/acme/team/invitations/new/", {"email": "a@example.org", "role": "owner"})
    assert page.status_code == 422
    with pytest.raises(teams.Refused):
        invitations.invite("a@example.org", Role.OWNER, by=admin, now=timezone.now())
    assert not Invitation.objects.exists()


def test_an_admin_who_was_removed_a_moment_ago_invites_nobody(team: Team) -> None:
    admin = admin_of(team)
    team.memberships.filter(pk=admin.pk).delete()

    with pytest.raises(teams.Refused):
        invitations.invite("a@example.org", Role.VIEWER, by=admin, now=timezone.now())


def test_a_mail_server_that_is_down_is_told_and_the_invitation_stays(team: Team, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    client = signed_in(admin_of(team).user)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # taken, but nobody listens
        settings.EMAIL_HOST, settings.EMAIL_PORT = deaf.getsockname()
        page = client.post(
            "/t/acme/team/invitations/new/", {"email": "a@example.org", "role": "viewer"}, follow=True
        )

    assert "a@example.org is invited, but the mail server did not take the mail." in text(page)
    assert Invitation.objects.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_several_sign_ups_by_one_invitation_at_the_same_moment_make_one_member() -> None:
    team = Team.objects.found("Acme")
    _, link = invited(team)

    clients = [browser() for _ in range(4)]
    for client in clients:
        client.get(link)

    answers = at_once(
        *[lambda client=client: client.post("/accounts/signup/", NEW).status_code for client in clients]
    )

    assert all(isinstance(answer, int) for answer in answers), answers
    user = User.objects.get(email="ann@example.org")
    assert team.memberships.filter(user=user).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_the_same_moment_one_does() -> None:
    team = Team.objects.found("Acme")
    invitation, _ = invited(team)
    users = [User.objects.create_user(f"u{n}@example.org") for n in range(2)]

    results = at_once(
        *[lambda user=user: invitations.accept(invitation, user, now=timezone.now()) for user in users]
    )

    assert sum(isinstance(result, invitations.Ended) for result in results) == 1
    assert team.memberships.filter(user__in=users).count() == 1
