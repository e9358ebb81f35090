"""What was done in a team, by whom and to what: one function that writes it down."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from accounts.models import AuditEntry, User, Verb

_LONGEST_WORDS = 500


def record(
    verb: Verb,
    *,
    team_id: UUID,
    kind: str,
    object_id: UUID | str,
    object_name: str,
    user: User | None,
    now: datetime,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Write down that `user`, or the product by itself (None), did this. `detail` must hold no secret.

    Inside the transaction of what it tells about, so that neither is there without the other.
    """
    AuditEntry.objects.create(
        team_id=team_id,
        at=now,
        user=user,
        user_name=(str(user) if user else "")[:254],
        verb=verb,
        object_kind=kind[:30],
        object_id=str(object_id)[:40],
        object_name=object_name[:200],
        detail={label: words[:_LONGEST_WORDS] for label, words in (detail or {}).items() if words},
    )
