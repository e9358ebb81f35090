"""Who is in a team, and as what. Each change holds the team, so that two at once follow one another."""

from django.db import transaction

from accounts.models import Membership, Role, Team, User


class Refused(Exception):
    """A rule of teams forbids it. Says which one, for the reader."""


@transaction.atomic
def found(name: str, *, owner: User) -> Team:
    """A new team, with its first owner."""
    team = Team.objects.found(name)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    return team


@transaction.atomic
def change_role(member: Membership, role: Role, *, by: Membership) -> None:
    """Give a member another role.

    Raises Refused when `by` may not touch the member or may not give the role, and for the last owner.
    """
    by, member = hold(by, member)
    _may_manage(by, member)
    may_give(by, role)
    if role != Role.OWNER:
        _not_the_last_owner(member)
    member.role = role
    member.save(update_fields=["role"])


@transaction.atomic
def remove(member: Membership, *, by: Membership) -> None:
    """End somebody's membership, from their next request on. Raises Refused as `change_role` does."""
    by, member = hold(by, member)
    _may_manage(by, member)
    _not_the_last_owner(member)
    member.delete()


@transaction.atomic
def leave(member: Membership) -> None:
    """End one's own membership. Raises Refused for the last owner."""
    (member,) = hold(member)
    _not_the_last_owner(member)
    member.delete()


@transaction.atomic
def transfer_ownership(to: Membership, *, by: Membership) -> None:
    """Make another member an owner instead of oneself, who stays as an admin."""
    by, to = hold(by, to)
    if by.role != Role.OWNER:
        raise Refused("Only an owner can transfer ownership.")
    if to.pk == by.pk:
        raise Refused("You are the owner already.")
    if not to.user.is_active:
        raise Refused(f"The account of {to.user} is switched off.")
    to.role, by.role = Role.OWNER, Role.ADMIN
    to.save(update_fields=["role"])
    by.save(update_fields=["role"])


def hold(*members: Membership) -> tuple[Membership, ...]:
    """Lock the members' team until the transaction ends, and read the members as they are now.

    Raises Refused when one of them has left in the meantime.
    """
    Team.objects.select_for_update(no_key=True).get(pk=members[0].team_id)
    team_members = Membership.objects.select_related("user", "team").filter(team=members[0].team_id)
    current = team_members.in_bulk([member.pk for member in members])
    if any(member.pk not in current for member in members):
        raise Refused("The list of members has changed in the meantime. Look again.")
    return tuple(current[member.pk] for member in members)


def may_give(member: Membership, role: Role) -> None:
    """Raises Refused when the member may not give this role to anybody."""
    if role not in member.roles_to_give():
        raise Refused(f"A member who is {member.get_role_display()} cannot give the role {role.label}.")


def _may_manage(by: Membership, member: Membership) -> None:
    if not by.may_manage(member):
        raise Refused(
            f"A member who is {by.get_role_display()} cannot change one who is {member.get_role_display()}."
        )


def _not_the_last_owner(member: Membership) -> None:
    owners = Membership.objects.filter(team=member.team_id, role=Role.OWNER, user__is_active=True)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise Refused(
            f"{member.user} is the last owner of {member.team}, and a team needs one. "
            "Make another member an owner first."
        )
