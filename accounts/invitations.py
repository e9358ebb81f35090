"""From an e-mail address to a member: invite, write the mail, accept."""

import secrets
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import teams
from accounts.models import INVITATION_LIFE, Invitation, Membership, Role, User, digest


class Ended(Exception):
    """The invitation was accepted, withdrawn or has expired: it makes nobody a member any more."""


@transaction.atomic
def invite(email: str, role: Role, *, by: Membership, now: datetime) -> tuple[Invitation, str]:
    """A new invitation and the token of its link, which nobody can read again later.

    It takes the place of an open one to the same address. Raises teams.Refused when `by` may not give
    the role.
    """
    (by,) = teams.hold(by)
    teams.may_give(by, role)
    by.team.invitations.open().filter(email__iexact=email).update(withdrawn_at=now)
    token = secrets.token_urlsafe(32)
    invitation = by.team.invitations.create(
        email=email.lower(),
        role=role,
        token_hash=digest(token),
        invited_by=by.user,
        expires_at=now + INVITATION_LIFE,
    )
    return invitation, token


def send(invitation: Invitation, token: str) -> None:
    """Write to the invited address. Raises OSError, which smtplib's errors are, when the mail stays here."""
    url = settings.BASE_URL + reverse("accounts:invitation", args=[token])
    EmailMessage(
        subject=f"Join {invitation.team} on API Connector",
        body=render_to_string("accounts/email/invitation.txt", {"invitation": invitation, "url": url}),
        to=[invitation.email],
    ).send()


@transaction.atomic
def accept(invitation: Invitation, user: User, *, now: datetime) -> Membership:
    """Make the user a member; somebody who is one already keeps their role.

    The caller knows that the user owns the invited address. Raises Ended; of two requests at once, one
    accepts.
    """
    if Invitation.objects.pending(now).filter(pk=invitation.pk).update(accepted_at=now) != 1:
        raise Ended
    membership, _ = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    return membership
