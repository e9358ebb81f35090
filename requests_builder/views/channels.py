"""Channels of alerts: made, changed, tried, switched, deleted."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder.alerts import ChannelRefused, channels
from requests_builder.forms import ChannelForm
from requests_builder.models import Channel, ChannelKind


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def channel_new(request: TeamRequest, kind: str) -> HttpResponse:
    """Add a channel; the mails of a team are there from the beginning."""
    if kind not in (ChannelKind.SLACK, ChannelKind.WEBHOOK):
        raise Http404
    return _edit(request, Channel(team=request.team, kind=kind))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def channel(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Change a channel."""
    return _edit(request, _found(request, uuid))


@require_POST
@member_required(Role.EDITOR)
def channel_test(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Send a message through it now, mail to whoever asks alone."""
    found = _found(request, uuid)
    problem = channels.test(found, user=request.user, now=now())
    if problem:
        messages.error(request, f"The test did not arrive by {found}. {problem}")
    elif found.kind == ChannelKind.EMAIL:
        messages.success(request, "The mail server has taken a test mail for you. Look into your mailbox.")
    else:
        messages.success(request, f"The test has arrived: {found.host} has taken it.")
    return _back(request)


@require_POST
@member_required(Role.EDITOR)
def channel_switch(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Have alerts go through it, or no longer."""
    found = _found(request, uuid)
    is_on = request.POST.get("to") == "on"
    channels.switch(found, is_on=is_on, user=request.user, now=now())
    messages.success(request, f"{found} is switched {'on' if is_on else 'off'}.")
    return _back(request)


@require_POST
@member_required(Role.EDITOR)
def channel_secret(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """A new secret for a signed webhook, shown this once."""
    found = _found(request, uuid)
    if found.kind != ChannelKind.WEBHOOK:
        raise Http404
    secret = channels.rotate_secret(found, user=request.user, now=now())
    return _shown_once(request, found, secret, is_rotation=True)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def channel_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Ask, then delete. Mails are switched off instead."""
    found = _found(request, uuid)
    if found.kind == ChannelKind.EMAIL:
        messages.error(request, "The mails of a team cannot be deleted. Switch them off instead.")
        return _back(request)
    if request.method == "POST":
        channels.delete(found, user=request.user, now=now())
        messages.success(request, f"{found} was deleted.")
        return _back(request)
    return render(request, "requests_builder/channel_delete.html", {"channel": found})


def _edit(request: TeamRequest, found: Channel) -> HttpResponse:
    is_new, name = found._state.adding, found.name
    form = ChannelForm(request.POST if request.method == "POST" else None, channel=found)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            secret = channels.save(
                found,
                name=typed["name"],
                url=typed.get("url", ""),
                people=form.people,
                user=request.user,
                now=now(),
            )
        except ChannelRefused as refusal:
            form.add_error("name", str(refusal))
        else:
            if secret:
                return _shown_once(request, found, secret, is_rotation=False)
            done = "was added. Press Send a test to see it arrive." if is_new else "was saved."
            messages.success(request, f"{found} {done}")
            return _back(request)
    context = {"form": form, "channel": found, "is_new": is_new, "name": name}
    status = 422 if request.method == "POST" else 200
    return render(request, "requests_builder/channel.html", context, status=status)


def _shown_once(request: TeamRequest, found: Channel, secret: str, *, is_rotation: bool) -> HttpResponse:
    context = {"channel": found, "secret": secret, "is_rotation": is_rotation}
    return render(request, "requests_builder/channel_secret.html", context)


def _found(request: TeamRequest, uuid: UUID) -> Channel:
    return get_object_or_404(request.team.alert_channels.select_related("team"), id=uuid)


def _back(request: TeamRequest) -> HttpResponse:
    return redirect("requests_builder:alerts", team=request.team.slug)
