"""Setup, invitations, and a team's members."""

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import invitations, setup, teams
from accounts.access import TeamRequest, last_membership, member_required, remember_invitation
from accounts.forms import InvitationForm, RoleForm, SetupForm, TeamForm, TransferForm
from accounts.models import Invitation, Membership, Role, SetupLink, User, digest

require_GET_or_POST = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def home(request: TeamRequest) -> HttpResponse:
    """To the dashboard of the team last looked at; the way in for whoever is not there yet."""
    if not request.user.is_authenticated:
        # Sign-up says that the setup link has to be used first.
        return redirect("account_signup" if SetupLink.is_setup_open() else "account_login")
    membership = last_membership(request)
    return redirect(membership.team if membership else "accounts:team_new")


AUDIT_PAGE = 50


@member_required(Role.ADMIN)
@require_safe
def audit(request: TeamRequest) -> HttpResponse:
    """What was done in the team, newest first, a page at a time; to one thing alone when asked."""
    entries = request.team.audit_entries.order_by("-pk")
    of_object, before = request.GET.get("object", "")[:40], request.GET.get("before", "")
    # PostgreSQL takes no NUL.
    of_object = of_object if of_object.isprintable() else ""
    if of_object:
        entries = entries.filter(object_id=of_object)
    if is_later_page := before.isascii() and before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    shown = list(entries[: AUDIT_PAGE + 1])
    chosen: dict[str, str | int] = {"object": of_object} if of_object else {}
    last = shown[AUDIT_PAGE - 1].pk if len(shown) > AUDIT_PAGE else None
    values = {
        "entries": shown[:AUDIT_PAGE],
        "older": f"?{urlencode({**chosen, 'before': last})}" if last else "",
        "newest": f"?{urlencode(chosen)}" if is_later_page else "",
        "of_object": of_object,
    }
    return render(request, "accounts/audit.html", values)


# The first start ------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@require_GET_or_POST
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link that the first start prints."""
    now = timezone.now()
    form = SetupForm(request.POST or None)
    state = SetupLink.state_of(token, now)
    if state == "usable" and form.is_valid():
        try:
            user, team = setup.set_up(token, **form.cleaned_data, now=now)
        except setup.Closed:  # somebody else was faster
            state = SetupLink.state_of(token, now)
        else:
            get_adapter().login(request, user)
            messages.success(request, f"Welcome, {user}. This is the dashboard of {team}.")
            return redirect(team)
    if state != "usable":
        status = 404 if state == "unknown" else 410
        return render(request, "accounts/setup_ended.html", {"state": state}, status=status)
    return _form_page(request, "accounts/setup.html", form)


# Invitations ----------------------------------------------------------------------------------------


@require_GET_or_POST
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link of an invitation. A GET changes nothing; the invited user accepts by POST."""
    now = timezone.now()
    found = Invitation.objects.select_related("team", "invited_by").filter(token_hash=digest(token)).first()
    state = found.state(now) if found else "unknown"
    if found is None or state != "pending":
        values = {"state": state, "invitation": found, "is_member": _is_member(request, found)}
        status = 410 if found else 404
        return render(request, "accounts/invitation_ended.html", values, status=status)
    if not request.user.is_authenticated:
        remember_invitation(request, token)
        return _way_in(found, request.path)
    values = {"invitation": found}
    if not request.user.owns_address(found.email):
        return render(request, "accounts/invitation_for_another.html", values, status=403)
    if request.method == "POST":
        try:
            invitations.accept(found, request.user, now=now)
        except invitations.Ended:  # withdrawn or accepted since it was looked up
            return redirect(request.path)
        messages.success(request, f"You are now a member of {found.team}.")
        return redirect(found.team)
    return render(request, "accounts/invitation.html", values)


def _is_member(request: HttpRequest, invitation: Invitation | None) -> bool:
    return (
        invitation is not None
        and request.user.is_authenticated
        and invitation.team.memberships.filter(user=request.user).exists()
    )


def _way_in(invitation: Invitation, path: str) -> HttpResponse:
    """To sign-in for an address that has an account, and then back; to sign-up for one that has none."""
    has_account = (
        User.objects.filter(email__iexact=invitation.email).exists()
        or EmailAddress.objects.filter(email__iexact=invitation.email, verified=True).exists()
    )
    if has_account:
        return redirect(f"{reverse('account_login')}?{urlencode({'next': path})}")
    return redirect("account_signup")


# Teams ----------------------------------------------------------------------------------------------


@login_required
@require_GET_or_POST
def team_new(request: TeamRequest) -> HttpResponse:
    """Create a team; whoever does is its owner."""
    form = TeamForm(request.POST or None)
    if form.is_valid():
        team = teams.found(form.cleaned_data["name"], owner=request.user)
        messages.success(request, f"{team} is there. Invite others on the page Team.")
        return redirect(team)
    return _form_page(request, "accounts/team_new.html", form)


@member_required()
@require_safe
def team(request: TeamRequest) -> HttpResponse:
    """The members with their roles, and who is invited."""
    now = timezone.now()
    members = request.team.memberships.select_related("user").order_by("user__name", "user__email")
    open_invitations = request.team.invitations.open().select_related("invited_by").order_by("created_at")
    roles = request.membership.roles_to_give()
    values = {
        "members": [
            {
                "membership": member,
                "is_self": member.pk == request.membership.pk,
                "may_manage": request.membership.may_manage(member),
                "roles": [role for role in roles if role != member.role],
            }
            for member in members
        ],
        "invitations": [
            {"invitation": each, "state": each.state(now), "may_manage": Role(each.role) in roles}
            for each in open_invitations
        ],
        "is_admin": request.membership.is_at_least(Role.ADMIN),
        "is_editor": request.membership.is_at_least(Role.EDITOR),
        "is_owner": request.membership.role == Role.OWNER,
    }
    return render(request, "accounts/team.html", values)


@member_required(Role.ADMIN)
@require_GET_or_POST
def team_rename(request: TeamRequest) -> HttpResponse:
    """Give the team another name. Its address stays, for links and bookmarks to go on working."""
    form = TeamForm(request.POST or None, initial={"name": request.team.name})
    if form.is_valid():
        request.team.name = form.cleaned_data["name"]
        request.team.save(update_fields=["name"])
        messages.success(request, f"The team is now called {request.team}.")
        return _to_team(request)
    return _form_page(request, "accounts/team_rename.html", form)


@member_required()
@require_POST
def team_mails(request: TeamRequest) -> HttpResponse:
    """Switch one's own mails about connections of this team on or off."""
    membership = request.membership
    membership.hears_of_connections = "hears_of_connections" in request.POST
    membership.save(update_fields=["hears_of_connections"])
    if membership.hears_of_connections:
        messages.success(request, "You get mails about connections of this team that you can mend.")
    else:
        messages.success(request, "You get no more mails about connections of this team.")
    return _to_team(request)


@member_required()
@require_GET_or_POST
def team_leave(request: TeamRequest) -> HttpResponse:
    """Ask, then end one's own membership."""
    if request.method == "POST":
        try:
            teams.leave(request.membership)
        except teams.Refused as refusal:
            return _to_team(request, refusal)
        messages.success(request, f"You have left {request.team}.")
        return redirect("accounts:home")
    return render(request, "accounts/team_leave.html")


@member_required(Role.OWNER)
@require_GET_or_POST
def team_transfer(request: TeamRequest) -> HttpResponse:
    """Make another member the owner instead of oneself."""
    form = TransferForm(request.POST or None, by=request.membership)
    if form.is_valid():
        member = form.cleaned_data["member"]
        try:
            teams.transfer_ownership(member, by=request.membership)
        except teams.Refused as refusal:
            return _to_team(request, refusal)
        messages.success(request, f"{member.user} now owns {request.team}. You are an admin.")
        return _to_team(request)
    return _form_page(request, "accounts/team_transfer.html", form)


@member_required(Role.ADMIN)
@require_POST
def member_role(request: TeamRequest, member: int) -> HttpResponse:
    """Give a member another role."""
    membership = _member(request, member)
    form = RoleForm(request.POST, by=request.membership)
    if not form.is_valid():
        return _to_team(request, teams.Refused("You cannot give that role."))
    role: Role = form.cleaned_data["role"]
    try:
        teams.change_role(membership, role, by=request.membership)
    except teams.Refused as refusal:
        return _to_team(request, refusal)
    messages.success(request, f"{membership.user} is now {role.label}.")
    return _to_team(request)


@member_required(Role.ADMIN)
@require_GET_or_POST
def member_remove(request: TeamRequest, member: int) -> HttpResponse:
    """Ask, then end somebody's membership."""
    membership = _member(request, member)
    if request.method == "POST":
        try:
            teams.remove(membership, by=request.membership)
        except teams.Refused as refusal:
            return _to_team(request, refusal)
        messages.success(request, f"{membership.user} is no longer a member of {request.team}.")
        return _to_team(request)
    return render(request, "accounts/member_remove.html", {"member": membership})


@member_required(Role.ADMIN)
@require_GET_or_POST
def invite(request: TeamRequest) -> HttpResponse:
    """Invite somebody by e-mail."""
    form = InvitationForm(request.POST or None, by=request.membership)
    if form.is_valid():
        return _invite(request, **form.cleaned_data)
    return _form_page(request, "accounts/invite.html", form)


@member_required(Role.ADMIN)
@require_POST
def invitation_resend(request: TeamRequest, invitation: UUID) -> HttpResponse:
    """Write again, with a new link: what is kept of the old one cannot be sent."""
    found = get_object_or_404(request.team.invitations.open(), pk=invitation)
    return _invite(request, email=found.email, role=Role(found.role))


@member_required(Role.ADMIN)
@require_POST
def invitation_withdraw(request: TeamRequest, invitation: UUID) -> HttpResponse:
    """End the link of an invitation."""
    found = get_object_or_404(request.team.invitations.open(), pk=invitation)
    if found.withdraw(timezone.now()):
        messages.success(request, f"The invitation to {found.email} is withdrawn: its link no longer works.")
    else:
        messages.error(request, f"The invitation to {found.email} was accepted or replaced a moment ago.")
    return _to_team(request)


def _invite(request: TeamRequest, email: str, role: Role) -> HttpResponse:
    try:
        sent, token = invitations.invite(email, role, by=request.membership, now=timezone.now())
    except teams.Refused as refusal:
        return _to_team(request, refusal)
    try:
        invitations.send(sent, token)
    except OSError:
        messages.error(
            request,
            f"{email} is invited, but the mail server did not take the mail. Send it again later; if that "
            "does not help, EMAIL_URL has to be put right.",
        )
    else:
        messages.success(request, f"An invitation is on its way to {email}. It can be accepted for 7 days.")
    return _to_team(request)


def _member(request: TeamRequest, pk: int) -> Membership:
    return get_object_or_404(request.team.memberships.select_related("user"), pk=pk)


def _to_team(request: TeamRequest, refusal: teams.Refused | None = None) -> HttpResponse:
    if refusal:
        messages.error(request, str(refusal))
    return redirect("accounts:team", team=request.team.slug)


def _form_page(request: HttpRequest, template: str, form: Any) -> HttpResponse:
    return render(request, template, {"form": form}, status=422 if form.is_bound else 200)
