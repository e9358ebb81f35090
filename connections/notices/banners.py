"""What every page of a team says about its connections, from their states as they are at this moment."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery, UUIDField

from accounts.models import Team, User
from connections.models import Connection, NoticeDismissal, NoticeKind, NoticeSubject
from connections.models.notices import Telling, is_dismissed_by, may_be_told, stage_at, with_what_to_tell

from .letters import page_of
from .wording import ends_when, these

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    Shown = WithAnnotations[Connection, "_Shown"]

# More would push the page out of sight; the list of connections has them all.
MOST_BANNERS = 3
_MOST_CONNECTIONS = 200
_ORDER = (NoticeKind.NEEDS_REAUTH, NoticeKind.CONFIG_ERROR, NoticeKind.RETRYING, NoticeKind.ENDING)
_URGENT = (NoticeKind.NEEDS_REAUTH, NoticeKind.CONFIG_ERROR)


class _Shown(Telling):
    notice_id: UUID | None


@dataclass(frozen=True, slots=True)
class Banner:
    """One cause of trouble, or the rest of them."""

    is_urgent: bool
    sentence: str
    url: str
    # What the link does.
    label: str
    # What to name when it is dismissed; None: it cannot be.
    notice_id: UUID | None = None


def banners(team: Team, user: User, now: datetime) -> list[Banner]:
    """What to say to this member of the team, the most urgent first."""
    # Every page asks, and nearly always all is well: to write down the whole question costs 15 ms each time.
    if not Connection.objects.filter(may_be_told(now), team=team).exists():
        return []
    announced = NoticeSubject.objects.current().filter(
        connection=OuterRef("pk"), notice__kind=NoticeKind.ENDING
    )
    is_wanted = ~Q(telling=NoticeKind.ENDING) | Q(notice_id__isnull=False) & ~is_dismissed_by(user)
    found: Iterable[Shown] = (
        with_what_to_tell(Connection.objects.filter(team=team), now)
        .annotate(notice_id=Subquery(announced.values("notice")[:1], output_field=UUIDField()))
        .exclude(telling="")
        .filter(is_wanted)
        .only("id", "team_id", "name", "client_id", "token_url", "preset", "uses_shared_client", "state")
        .order_by("name")[:_MOST_CONNECTIONS]
    )
    groups: defaultdict[tuple[str, str], list[Shown]] = defaultdict(list)
    for connection in found:
        groups[connection.telling, connection.server_key].append(connection)
    ordered = sorted(groups.items(), key=lambda group: _ORDER.index(NoticeKind(group[0][0])))
    said = [_banner(team, NoticeKind(kind), hit, now) for (kind, _), hit in ordered]
    if len(said) <= MOST_BANNERS:
        return said
    rest = sum(len(hit) for _, hit in ordered[MOST_BANNERS - 1 :])
    sentence = f"{rest} more connections need a look."
    return [
        *said[: MOST_BANNERS - 1],
        Banner(said[MOST_BANNERS - 1].is_urgent, sentence, page_of(team, []), "Open the list"),
    ]


def dismiss(notice_id: UUID, *, team: Team, user: User, now: datetime) -> None:
    """Say no more to this user of what ends soon, until its next stage."""
    subjects = NoticeSubject.objects.current().filter(
        notice=notice_id, notice__team=team, notice__kind=NoticeKind.ENDING
    )
    reached = ((subject, stage_at(subject.ends_at, now)) for subject in subjects)
    NoticeDismissal.objects.bulk_create(
        [NoticeDismissal(subject=each, user=user, stage=stage) for each, stage in reached if stage],
        ignore_conflicts=True,
    )


def _banner(team: Team, kind: NoticeKind, hit: "Sequence[Shown]", now: datetime) -> Banner:
    names, several = these(hit), len(hit) > 1
    ends = [each.ends_at for each in hit if each.ends_at]
    sentence, label = {
        NoticeKind.NEEDS_REAUTH: (f"{names} {'need' if several else 'needs'} reconnecting.", "Reconnect"),
        NoticeKind.CONFIG_ERROR: (f"The provider refuses the settings of {names}.", "Open"),
        NoticeKind.RETRYING: (f"{names} cannot be renewed for the moment; we keep trying.", "Open"),
        NoticeKind.ENDING: (f"{names} {ends_when(hit, ends, now)}.", "Reconnect"),
    }[kind]
    notice_id = hit[0].notice_id if kind == NoticeKind.ENDING else None
    return Banner(kind in _URGENT, sentence, page_of(team, hit), label, notice_id)
