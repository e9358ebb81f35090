"""Tables: what a team has pulled."""

import uuid

from django.db import models

from accounts.models import Team


class Table(models.Model):
    """Rows that a team has pulled, from one or several requests."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tables")
    name = models.CharField(max_length=100)
    # Names in the order in which they were first seen.
    columns = models.JSONField(default=list)
    # What the values of a column are: text, number, integer, boolean, date, datetime or json. A column of
    # which nothing but null is known is left out.
    column_types = models.JSONField(default=dict)
    # How often rows were published into it. Whoever publishes holds the lock on the table.
    publication = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="table_name_is_unique_in_team")]

    def __str__(self) -> str:
        return self.name
