"""The tables of a team at a glance."""

from django.db.models import Count, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.models import Team
from requests_builder.models import Batch, Table


def overview(team: Team) -> QuerySet[Table]:
    """The team's tables, each with `row_count`, `request_count` and `filled_at`: its newest pull."""
    batches = Batch.objects.visible().filter(table=OuterRef("pk")).order_by().values("table")
    rows, filled_at = batches.annotate(it=Sum("rows_count")), batches.annotate(it=Max("published_at"))
    return team.tables.annotate(
        row_count=Coalesce(Subquery(rows.values("it")), 0),
        filled_at=Subquery(filled_at.values("it")),
        request_count=Count("saved_requests"),
    ).order_by("name")
