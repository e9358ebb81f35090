"""Who may open which page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from accounts.models import Invitation, Membership, Role, SetupLink, Team, User, digest

LAST_TEAM = "team"
INVITATION = "invitation"


class TeamRequest(HttpRequest):
    """A request by a member, inside a team."""

    user: User
    team: Team
    membership: Membership
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def member_required(role: Role = Role.VIEWER) -> Callable[[View], View]:
    """Let in who is a member of the team in the URL with at least this role.

    The view gets `request.team` and `request.membership` instead of the `team` slug. A team that the
    reader does not belong to answers as one that does not exist.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def guarded(request: Any, *, team: str, **arguments: Any) -> HttpResponseBase:
            try:
                membership = request.user.memberships.select_related("team").get(team__slug=team)
            except Membership.DoesNotExist:
                raise Http404("No such team") from None
            if not membership.is_at_least(role):
                raise PermissionDenied(
                    f"This needs the role {role.label}. You are {membership.get_role_display()} of "
                    f"{membership.team}: ask one of its admins."
                )
            request.membership, request.team = membership, membership.team
            if request.session.get(LAST_TEAM) != team:
                request.session[LAST_TEAM] = team
            return view(request, **arguments)

        return guarded

    return decorate


def last_membership(request: TeamRequest) -> Membership | None:
    """The signed-in reader's place in the team last looked at in this session, else in any."""
    memberships = request.user.memberships.select_related("team").order_by("team__name")
    return memberships.filter(team__slug=request.session.get(LAST_TEAM)).first() or memberships.first()


def remember_invitation(request: HttpRequest, token: str) -> None:
    """Keep for this session that its reader opened the link of an invitation, which opens sign-up."""
    request.session[INVITATION] = digest(token)


def remembered_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation whose link this session has opened, while it can be accepted."""
    token_hash = request.session.get(INVITATION)
    pending = Invitation.objects.pending(timezone.now()).select_related("team")
    return pending.filter(token_hash=token_hash).first() if token_hash else None


def sign_up_refusal(request: HttpRequest) -> str:
    """Why this reader may not sign up, in a sentence that says what to do; empty when they may."""
    if SetupLink.is_setup_open():
        return (
            "Nobody has an account here yet. Open the setup link that was printed on the console at the "
            "start: it makes the first account. It lasts an hour; a restart prints a new one."
        )
    if settings.SIGNUP == "closed":
        return "New accounts cannot be made here. Ask whoever runs this installation."
    if settings.SIGNUP == "invitation" and remembered_invitation(request) is None:
        return (
            "An account needs an invitation. Ask an admin of your team to invite you, and open the link in "
            "the mail that you get."
        )
    return ""


def team_context(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows: this page's team, the reader's role in it, and the reader's teams."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        # A function, for most pages do not ask.
        return {"sign_up_refusal": lambda: sign_up_refusal(request)}
    membership = getattr(request, "membership", None)
    return {
        "team": getattr(request, "team", None),
        "membership": membership,
        "teams": Team.objects.filter(memberships__user=user),
    }
