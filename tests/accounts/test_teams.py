"""Who is in a team, and as what."""

import pytest
from django.test import Client

from accounts import teams
from accounts.models import Membership, Role, Team, User
from tests.accounts.browsing import admin_of, at_once, membership, signed_in, text
from tests.factories import TeamFactory, UserFactory, member_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Acme & Sons", "acme-sons"), ("Åbo", "abo"), ("株式会社", "team-2"), ("New", "new-2"), ("-", "team-2")],
)
@pytest.mark.django_db
def test_a_team_gets_an_address_that_resembles_its_name_and_is_not_reserved(name: str, slug: str) -> None:
    assert Team.objects.found(name).slug == slug


@pytest.mark.django_db
def test_many_teams_of_one_name_have_addresses_of_their_own() -> None:
    slugs = [Team.objects.found("Acme").slug for _ in range(12)]

    assert slugs[:3] == ["acme", "acme-2", "acme-3"]
    assert len(set(slugs)) == 12


@pytest.mark.django_db(transaction=True)
def test_teams_created_at_the_same_moment_under_one_name_all_come_to_be() -> None:
    users = UserFactory.create_batch(4)

    found = at_once(*[lambda user=user: teams.found("Acme", owner=user) for user in users])

    assert len({team.slug for team in found if isinstance(team, Team)}) == 4


def test_the_start_page_leads_to_the_team_last_looked_at(client: Client, team: Team, owner: User) -> None:
    other = TeamFactory(name="Zebra", slug="zebra")
    Membership.objects.create(team=other, user=owner, role=Role.VIEWER)
    client.force_login(owner)

    assert client.get("/")["Location"] == "/t/acme/"
    client.get("/t/zebra/team/")
    assert client.get("/")["Location"] == "/t/zebra/"


def test_the_start_page_forgets_a_team_that_its_reader_has_left(
    client: Client, team: Team, viewer: User
) -> None:
    client.force_login(viewer)
    client.get("/t/acme/team/")
    team.memberships.filter(user=viewer).delete()

    assert client.get("/")["Location"] == "/teams/new/"


def test_the_start_page_leads_who_is_not_signed_in_to_sign_in(client: Client, owner: User) -> None:
    assert client.get("/")["Location"] == "/accounts/login/"


def test_every_member_sees_who_is_in_the_team_and_only_admins_see_what_they_can_do(
    team: Team, owner: User, viewer: User
) -> None:
    as_viewer = text(signed_in(viewer).get("/t/acme/team/"))
    as_owner = text(signed_in(owner).get("/t/acme/team/"))

    for page in (as_viewer, as_owner):
        assert owner.email in page
        assert viewer.email in page
    assert "Invite member" in as_owner
    assert "Make Admin" in as_owner
    assert "Invite member" not in as_viewer
    assert "Make Admin" not in as_viewer
    assert "Transfer ownership" not in as_viewer


def test_an_admin_is_offered_what_an_admin_may_give_and_nothing_on_owners(
    team: Team, owner: User, viewer: User
) -> None:
    page = text(signed_in(admin_of(team).user).get("/t/acme/team/"))

    assert "Make Admin" in page
    assert "Make Owner" not in page
    assert f"/members/{membership(owner, team).pk}/" not in page


def test_an_admin_gives_a_member_another_role(team: Team, viewer: User) -> None:
    client = signed_in(admin_of(team).user)

    page = client.post(
        f"/t/acme/team/members/{membership(viewer, team).pk}/role/", {"role": "editor"}, follow=True
    )

    assert f"{viewer} is now Editor." in text(page)
    assert membership(viewer, team).role == Role.EDITOR


@pytest.mark.parametrize("role", ["owner", "emperor", ""])
def test_an_admin_makes_nobody_an_owner_not_even_with_a_forged_form(
    team: Team, viewer: User, role: str
) -> None:
    client = signed_in(admin_of(team).user)

    page = client.post(
        f"/t/acme/team/members/{membership(viewer, team).pk}/role/", {"role": role}, follow=True
    )

    assert "You cannot give that role." in text(page)
    assert membership(viewer, team).role == Role.VIEWER


def test_the_rule_holds_below_the_form(team: Team, owner: User, viewer: User) -> None:
    admin, member = admin_of(team), membership(viewer, team)

    with pytest.raises(teams.Refused, match="Admin cannot give the role Owner"):
        teams.change_role(member, Role.OWNER, by=admin)
    with pytest.raises(teams.Refused, match="Admin cannot give the role Owner"):
        teams.change_role(admin, Role.OWNER, by=admin)
    with pytest.raises(teams.Refused, match="Viewer cannot change"):
        teams.change_role(member, Role.ADMIN, by=member)
    with pytest.raises(teams.Refused, match="Only an owner"):
        teams.transfer_ownership(admin, by=admin)


def test_an_admin_touches_no_owner(team: Team, owner: User) -> None:
    member_of(team, Role.OWNER)
    client, target = signed_in(admin_of(team).user), membership(owner, team)

    for act, data in (("role", {"role": "viewer"}), ("remove", {})):
        page = client.post(f"/t/acme/team/members/{target.pk}/{act}/", data, follow=True)
        assert "A member who is Admin cannot change one who is Owner." in text(page)
    assert membership(owner, team).role == Role.OWNER


def test_a_role_taken_away_a_moment_ago_gives_no_rights(team: Team, viewer: User) -> None:
    admin = admin_of(team)
    team.memberships.filter(pk=admin.pk).update(role=Role.VIEWER)

    with pytest.raises(teams.Refused):
        teams.remove(membership(viewer, team), by=admin)
    assert team.memberships.filter(user=viewer).exists()


def test_a_removed_member_loses_access_with_the_next_request(team: Team, viewer: User) -> None:
    client = signed_in(viewer)
    assert client.get("/t/acme/team/").status_code == 200

    signed_in(admin_of(team).user).post(f"/t/acme/team/members/{membership(viewer, team).pk}/remove/")

    assert client.get("/t/acme/team/").status_code == 404


def test_removing_asks_first_and_names_whom(team: Team, viewer: User) -> None:
    page = signed_in(admin_of(team).user).get(f"/t/acme/team/members/{membership(viewer, team).pk}/remove/")

    assert f"Remove {viewer} from Acme?" in text(page)
    assert team.memberships.filter(user=viewer).exists()


def test_a_member_leaves(team: Team, viewer: User) -> None:
    client = signed_in(viewer)
    assert "Leave Acme?" in text(client.get("/t/acme/team/leave/"))

    page = client.post("/t/acme/team/leave/", follow=True)

    assert "You have left Acme." in text(page)
    assert not team.memberships.filter(user=viewer).exists()


def test_the_last_owner_cannot_leave_nor_be_demoted_nor_removed(team: Team, owner: User) -> None:
    client, own = signed_in(owner), membership(owner, team)
    member_of(team, Role.OWNER, is_active=False)

    for path, data in (
        ("leave/", {}),
        (f"members/{own.pk}/role/", {"role": "admin"}),
        (f"members/{own.pk}/remove/", {}),
    ):
        page = client.post(f"/t/acme/team/{path}", data, follow=True)
        assert f"{owner} is the last owner of Acme, and a team needs one." in text(page)
    assert membership(owner, team).role == Role.OWNER


def test_one_of_two_owners_may_go(team: Team, owner: User) -> None:
    member_of(team, Role.OWNER)

    teams.leave(membership(owner, team))

    assert team.memberships.filter(role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act", ["leave", "demote", "demote each other", "remove each other", "transfer and leave"]
)
def test_of_two_owners_who_go_at_the_same_moment_one_stays(act: str) -> None:
    team = TeamFactory(name="Acme", slug="acme")
    first, second = (membership(member_of(team, Role.OWNER), team) for _ in range(2))
    third = membership(member_of(team, Role.VIEWER), team)
    acts = {
        "leave": (lambda: teams.leave(first), lambda: teams.leave(second)),
        "demote": (
            lambda: teams.change_role(first, Role.VIEWER, by=first),
            lambda: teams.change_role(second, Role.VIEWER, by=second),
        ),
        "demote each other": (
            lambda: teams.change_role(second, Role.VIEWER, by=first),
            lambda: teams.change_role(first, Role.VIEWER, by=second),
        ),
        "remove each other": (
            lambda: teams.remove(second, by=first),
            lambda: teams.remove(first, by=second),
        ),
        "transfer and leave": (
            lambda: teams.transfer_ownership(third, by=first),
            lambda: teams.leave(second),
        ),
    }

    results = at_once(*acts[act])

    refused = [result for result in results if result is not None]
    assert all(isinstance(result, teams.Refused) for result in refused)
    assert len(refused) == (0 if act == "transfer and leave" else 1)
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1


def test_an_owner_hands_the_team_over_and_stays_as_an_admin(team: Team, owner: User, editor: User) -> None:
    client = signed_in(owner)

    page = client.post("/t/acme/team/transfer/", {"member": membership(editor, team).pk}, follow=True)

    assert f"{editor} now owns Acme. You are an admin." in text(page)
    assert membership(editor, team).role == Role.OWNER
    assert membership(owner, team).role == Role.ADMIN


def test_a_team_is_handed_to_no_stranger_and_to_nobody_switched_off(team: Team, owner: User) -> None:
    stranger = membership(member_of(TeamFactory(), Role.OWNER), Team.objects.exclude(pk=team.pk).get())
    off = membership(member_of(team, Role.EDITOR, is_active=False), team)

    for member in (stranger, off):
        page = signed_in(owner).post("/t/acme/team/transfer/", {"member": member.pk})
        assert page.status_code == 422
    assert membership(owner, team).role == Role.OWNER
    with pytest.raises(teams.Refused):
        teams.transfer_ownership(stranger, by=membership(owner, team))
    with pytest.raises(teams.Refused):
        teams.transfer_ownership(off, by=membership(owner, team))


def test_an_owner_alone_is_told_to_invite_somebody_before_handing_over(team: Team, owner: User) -> None:
    assert "Invite the next owner first." in text(signed_in(owner).get("/t/acme/team/transfer/"))


def test_a_renamed_team_keeps_its_address(team: Team, owner: User) -> None:
    page = signed_in(owner).post("/t/acme/team/rename/", {"name": " Acme   Corp "}, follow=True)

    assert "The team is now called Acme Corp." in text(page)
    team.refresh_from_db()
    assert (team.name, team.slug) == ("Acme Corp", "acme")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "bell\x07", "hidden\u200bspace"])
def test_a_team_is_given_no_name_that_cannot_be_read(team: Team, owner: User, name: str) -> None:
    assert signed_in(owner).post("/t/acme/team/rename/", {"name": name}).status_code == 422
    team.refresh_from_db()
    assert team.name == "Acme"


def test_a_line_break_in_a_name_becomes_a_space(team: Team, owner: User) -> None:
    signed_in(owner).post("/t/acme/team/rename/", {"name": "Acme\r\nBcc: eve@example.org"})

    team.refresh_from_db()
    assert team.name == "Acme Bcc: eve@example.org"


def test_a_signed_in_user_creates_another_team(team: Team, viewer: User) -> None:
    response = signed_in(viewer).post("/teams/new/", {"name": "Acme"})

    assert response["Location"] == "/t/acme-2/"
    assert Membership.objects.get(user=viewer, team__slug="acme-2").role == Role.OWNER
