"""Create Request: build, run once to look at the answer, save, duplicate, delete."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import runs, tries
from requests_builder.forms import COMMON_METHODS, SavedRequestForm
from requests_builder.models import SavedRequest
from requests_builder.variables import EXAMPLES
from requests_builder.views import answers, hosts, importing, pagination


@require_GET
@member_required()
def request_list(request: TeamRequest) -> HttpResponse:
    """The team's requests, each with its schedule and its last run."""
    saved_requests = request.team.saved_requests.select_related("table", "schedule").with_last_run()
    can_edit = request.membership.is_at_least(Role.EDITOR)
    context = {"saved_requests": saved_requests, "can_edit": can_edit}
    return render(request, "requests_builder/request_list.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_new(request: TeamRequest) -> HttpResponse:
    """An empty builder, or one with what was picked from a file; posted, the request is saved."""
    saved, more = importing.begin(request)
    return _builder(request, saved, **more)


@require_http_methods(["GET", "POST"])
@member_required()
def saved_request(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """The builder with a saved request in it; viewers look only."""
    saved = get_object_or_404(request.team.saved_requests.select_related("table", "schedule"), id=uuid)
    return _builder(request, saved)


@require_POST
@member_required(Role.EDITOR)
def request_try(request: TeamRequest, uuid: UUID | None = None) -> HttpResponse:
    """**Run**: send what stands in the form once and show the answer; nothing is saved."""
    saved, form, more = _trial(request, uuid)
    if not form.is_valid():
        return _refused_trial(request, form, saved, more)
    now = timezone.now()
    with tries.watched(request.team, request.user, request.POST.get("try", ""), now=now) as watch:
        preview = runs.preview(form.instance, now=now, watch=watch)
    context = answers.answer_context(preview, form.cleaned_data["records_path"])
    context["sample_id"] = answers.kept(request, preview)
    context |= more
    context |= pagination.suggestion_context(preview.suggested_pagination, form.instance.pagination)
    if request.htmx:
        return render(request, "requests_builder/answer.html", context)
    return _page(request, form, saved, **context)


@require_POST
@member_required(Role.EDITOR)
def request_second_page(request: TeamRequest, uuid: UUID | None = None) -> HttpResponse:
    """**Test page 2**: send what stands in the form and what the pagination makes of it; nothing is saved."""
    saved, form, more = _trial(request, uuid)
    if not form.is_valid():
        return _refused_trial(request, form, saved, more)
    second_page = runs.try_second_page(form.instance, now=timezone.now())
    if request.htmx:
        context = {"second_page": second_page}
        return render(request, "requests_builder/builder/second_page.html", context)
    return _page(request, form, saved, second_page=second_page, **more)


@require_POST
@member_required(Role.EDITOR)
def request_duplicate(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """A copy under a name of its own, without schedule; the secret is copied by the model, never shown."""
    copy = get_object_or_404(request.team.saved_requests, id=uuid).duplicate(user=request.user)
    messages.success(request, f"{copy.name} was made. It has no schedule yet.")
    return redirect("requests_builder:request", team=request.team.slug, uuid=copy.id)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Say what goes with the request, then delete it. Rows stay in their table."""
    saved = get_object_or_404(request.team.saved_requests.select_related("schedule", "table"), id=uuid)
    if request.method == "POST":
        saved.delete()
        messages.success(request, f"{saved.name} was deleted.")
        return redirect("requests_builder:request_list", team=request.team.slug)
    return render(request, "requests_builder/request_delete.html", {"saved_request": saved})


@require_POST
@member_required(Role.EDITOR)
def request_run_now(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """**Run now**: a run into the table, on a worker."""
    saved = get_object_or_404(request.team.saved_requests, id=uuid)
    run = runs.request_run(saved, user=request.user, now=timezone.now())
    return redirect("requests_builder:run", team=request.team.slug, uuid=run.id)


@require_GET
@member_required()
def connection_choices(request: TeamRequest) -> HttpResponse:
    """The connections to choose from, once one has been added."""
    context = {
        "connections": request.team.connections.all(),
        "chosen_connection": request.GET.get("chosen", ""),
    }
    return render(request, "requests_builder/builder/authorization.html#connection_choices", context)


def _builder(request: TeamRequest, saved: SavedRequest, **more: Any) -> HttpResponse:
    if request.method != "POST":
        # The way back from the provider, in a browser that opened no window.
        chosen = request.GET.get("connection")
        initial = {"connection": chosen, "authorization_kind": "oauth"} if chosen else {}
        form = SavedRequestForm(instance=saved, team=request.team, user=request.user, initial=initial)
        return _page(request, form, saved, is_oauth_shown=bool(chosen), **more)
    if not request.membership.is_at_least(Role.EDITOR):
        raise PermissionDenied(f"Viewers look only. To change {saved}, ask an admin for the role Editor.")
    hosts.allow_asked(request)
    form = SavedRequestForm(request.POST, request.FILES, instance=saved, team=request.team, user=request.user)
    # The button that allows a host has no room to say what was to happen after saving: its address does.
    then = request.POST.get("then") or request.GET.get("then") or "save"
    if not (form.is_valid() and form.save_request()):
        repeat_url = f"{request.path}?{urlencode({'then': then})}"
        more |= hosts.question(request, form)
        return _page(request, form, saved, status=422, repeat_url=repeat_url, **more)
    done: SavedRequest = form.instance
    importing.end(request, done)
    names = {"team": request.team.slug, "uuid": done.id}
    match then:
        case "run":
            run = runs.request_run(done, user=request.user, now=timezone.now())
            return redirect("requests_builder:run", team=request.team.slug, uuid=run.id)
        case "schedule":
            return redirect(reverse("requests_builder:schedule", kwargs=names))
    messages.success(request, f"{done.name} was saved.")
    return redirect(reverse("requests_builder:request", kwargs=names))


def _trial(request: TeamRequest, uuid: UUID | None) -> tuple[SavedRequest, SavedRequestForm, dict[str, Any]]:
    """What was typed, on the request that is stored or was picked from a file if there is one.

    Also what the page says of the file. Nothing is saved.
    """
    saved, more = (
        (get_object_or_404(request.team.saved_requests, id=uuid), {}) if uuid else importing.begin(request)
    )
    hosts.allow_asked(request)
    form = SavedRequestForm(
        request.POST, request.FILES, instance=saved, team=request.team, user=request.user, is_trial=True
    )
    return saved, form, more


def _refused_trial(
    request: TeamRequest, form: SavedRequestForm, saved: SavedRequest, more: dict[str, Any]
) -> HttpResponse:
    context = {"repeat_url": request.path, "is_trial": True, **more, **hosts.question(request, form)}
    if request.htmx:
        return render(
            request, "requests_builder/builder.html#problems", {"form": form, **context}, status=422
        )
    return _page(request, form, saved, status=422, **context)


def _page(
    request: TeamRequest, form: SavedRequestForm, saved: SavedRequest, status: int = 200, **more: Any
) -> HttpResponse:
    is_new = saved._state.adding
    names = {"team": request.team.slug} if is_new else {"team": request.team.slug, "uuid": saved.id}
    shown = (
        None if is_new else request.team.saved_requests.select_related("schedule", "table").get(pk=saved.pk)
    )
    schedule = getattr(shown, "schedule", None)
    here = reverse(f"requests_builder:{'request_new' if is_new else 'request'}", kwargs=names)
    if imported := more.get("imported"):
        here = f"{here}?{urlencode({'imported': imported})}"
    new_connection = reverse("connections:new", kwargs={"team": request.team.slug})
    context = {
        "form": form,
        "saved_request": shown,
        "schedule": schedule,
        "action": here,
        "try_url": reverse(
            f"requests_builder:{'request_try' if is_new else 'request_try_saved'}", kwargs=names
        ),
        "second_page_url": reverse(
            f"requests_builder:{'request_second_page' if is_new else 'request_second_page_saved'}",
            kwargs=names,
        ),
        "new_connection_url": f"{new_connection}?{urlencode({'return_to': here})}",
        "methods": COMMON_METHODS,
        "connections": request.team.connections.all(),
        "chosen_connection": str(form["connection"].value() or ""),
        "tables": request.team.tables.all(),
        "will_send_url": reverse(
            f"requests_builder:{'request_will_send' if is_new else 'request_will_send_saved'}", kwargs=names
        ),
        "team_variables": request.team.variables.defer("value"),
        "variable_examples": EXAMPLES,
        "can_edit": request.membership.is_at_least(Role.EDITOR),
        **more,
    }
    return render(request, "requests_builder/builder.html", context, status=status)
