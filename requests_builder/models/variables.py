"""Values that every request of a team may use by their names."""

import uuid

from django.db import models

from accounts.models import Team, User
from connections.encryption import EncryptedTextField


class TeamVariable(models.Model):
    """What `{{ name }}` stands for in those requests of a team that have no variable of this name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="variables")
    name = models.CharField(max_length=100)
    value = EncryptedTextField()
    # Then its value is shown to nobody, and masked wherever it would be seen.
    is_secret = models.BooleanField(default=False)
    # Where a secret may be sent to, as `grants.read_host` spells it; empty: anywhere.
    hosts = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="variable_name_is_unique_in_team")
        ]

    def __str__(self) -> str:
        return self.name
