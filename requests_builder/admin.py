"""What the host of the product may look at: what runs and what became of it, never a secret or a row."""

from django.contrib import admin
from django.http import HttpRequest

from requests_builder.models import Run


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs of all teams, to look at."""

    list_display = ("due_at", "team", "saved_request", "state", "error_code", "attempts", "pages", "rows")
    list_filter = ("state", "error_code")
    list_select_related = ("team", "saved_request")
    # A count of all runs of all teams would be a scan.
    show_full_result_count = False
    ordering = ("-due_at",)
    fields = (
        *list_display,
        "trigger",
        "not_before",
        "leased_until",
        "started_at",
        "finished_at",
        "error",
        "stop_reason",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False
