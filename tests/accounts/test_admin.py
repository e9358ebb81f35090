"""The pages of whoever runs the installation."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts import invitations
from accounts.models import Role, Team, User
from tests.accounts.browsing import PASSWORD, admin_of


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.org", PASSWORD)


def test_no_admin_page_shows_a_links_hash_or_a_password(client: Client, root: User, team: Team) -> None:
    invitation, token = invitations.invite(
        "a@example.org", Role.VIEWER, by=admin_of(team), now=timezone.now()
    )
    client.force_login(root)

    for path in (
        "user/",
        f"user/{root.pk}/change/",
        "user/add/",
        "team/",
        f"team/{team.pk}/change/",
        "membership/",
        f"membership/{team.memberships.get().pk}/change/",
        "invitation/",
        f"invitation/{invitation.pk}/change/",
    ):
        page = client.get(f"/admin/accounts/{path}")
        assert page.status_code == 200, path
        for secret in (invitation.token_hash, token, root.password, root.password.rpartition("$")[2]):
            assert secret not in page.content.decode(), path


def test_an_invitation_is_only_looked_at(client: Client, root: User, team: Team) -> None:
    invitation, _ = invitations.invite("a@example.org", Role.VIEWER, by=admin_of(team), now=timezone.now())
    client.force_login(root)

    assert (
        client.post(f"/admin/accounts/invitation/{invitation.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert client.get("/admin/accounts/invitation/add/").status_code == 403


def test_signing_in_to_the_admin_goes_by_the_page_that_counts_attempts(client: Client) -> None:
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")


def test_an_ordinary_member_has_no_admin_pages(client: Client, owner: User) -> None:
    client.force_login(owner)

    assert client.get("/admin/", follow=True).status_code == 403
