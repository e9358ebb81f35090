"""Applying an entry of users."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts import teams
from accounts.models import Membership, Role, Team, User

from .changes import Changes
from .checking import check_keys, check_texts
from .errors import refuse


def apply_user(team: Team, where: str, entry: Mapping[str, Any], changes: Changes) -> None:
    """Make the user and the membership, or change password and role of those that exist."""
    check_keys(where, entry, ("email", "role", "password", "name"))
    check_texts(where, entry)
    email, role = str(entry.get("email", "")).strip().lower(), entry.get("role", Role.VIEWER.value)
    try:
        validate_email(email)
    except ValidationError:
        refuse(f"{where}.email", "this is not an e-mail address")
    if role not in Role.values:
        refuse(f"{where}.role", f"must be one of {', '.join(Role.values)}")
    user = User.objects.filter(email__iexact=email).first()
    is_new, changed = user is None, []
    password = entry.get("password") or None
    if user is None:
        user = User.objects.create_verified(email, password, name=str(entry.get("name", "")))
    elif password is not None and not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
        changed.append("password")
    membership, is_member_now = Membership.objects.get_or_create(
        team=team, user=user, defaults={"role": role}
    )
    if is_member_now and not is_new:
        changed.append("membership")
    elif membership.role != role:
        owners = teams.hold(membership) and team.memberships.filter(role=Role.OWNER).exclude(pk=membership.pk)
        if membership.role == Role.OWNER and not owners:
            refuse(f"{where}.role", f"{email} is the last owner of {team}: name another owner first")
        membership.role = role
        membership.save(update_fields=["role"])
        changed.append("role")
    changes.note(f"user {email}", changed, is_new=is_new)
