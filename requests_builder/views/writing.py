"""What becomes of rows that were written before: all anew, from where on, and what does not come any more."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import destinations, runs
from requests_builder.forms import WatermarkForm
from requests_builder.models import SavedRequest


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_reset(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """**Reset and import again**: say what it destroys, then pull everything anew."""
    saved = get_object_or_404(request.team.saved_requests.select_related("table"), id=uuid)
    if request.method == "POST" and saved.table_id:
        run = runs.request_run(saved, user=request.user, now=timezone.now(), is_reset=True)
        return redirect("requests_builder:run", team=request.team.slug, uuid=run.id)
    row_count = destinations.batches_of(saved).aggregate(it=Sum("rows_count"))["it"] or 0
    context = {"saved_request": saved, "row_count": row_count}
    return render(request, "requests_builder/request_reset.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_watermark(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """From where on the next run takes records: set by hand, or cleared."""
    saved = get_object_or_404(request.team.saved_requests, id=uuid)
    if request.method != "POST":
        form = WatermarkForm(before=saved.watermark, initial={"newest": saved.watermark})
        return _watermark_page(request, saved, form)
    form = WatermarkForm({} if "clear" in request.POST else request.POST, before=saved.watermark)
    if not form.is_valid():
        return _watermark_page(request, saved, form, status=422)
    newest = form.cleaned_data["newest"]
    # As long as it is the field that was asked about: a value of another one means something else.
    request.team.saved_requests.filter(pk=saved.pk, newest_field=saved.newest_field).update(watermark=newest)
    said = (
        "The next run takes everything."
        if newest is None
        else f"The next run takes what is newer than {newest}."
    )
    messages.success(request, said)
    return redirect("requests_builder:request", team=request.team.slug, uuid=saved.id)


@require_POST
@member_required(Role.EDITOR)
def run_delete_missing(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """**Delete the missing rows**: those that a run has found missing, and has not deleted by itself."""
    run = get_object_or_404(request.team.runs.select_related("saved_request"), id=uuid)
    if count := destinations.delete_held(run, user=request.user, now=timezone.now()):
        messages.success(request, f"{count:,} row{'' if count == 1 else 's'} deleted.")
    else:
        messages.error(
            request, "Nothing was deleted: the request has run again since. Look at its newest run."
        )
    return redirect("requests_builder:run", team=request.team.slug, uuid=run.id)


def _watermark_page(
    request: TeamRequest, saved: SavedRequest, form: WatermarkForm, status: int = 200
) -> HttpResponse:
    context = {"saved_request": saved, "form": form}
    return render(request, "requests_builder/request_watermark.html", context, status=status)
