"""What notices tell about connections, for channels other than mail: those the notices write themselves."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from connections.models import Notice
from connections.models.notices import ALL_CLEAR
from connections.notices import letters
from requests_builder.alerts import facts, rules
from requests_builder.alerts.telling import tell
from requests_builder.models import Alert, Channel, ChannelKind

# After the end of a notice its end is told only for so long: nobody wants last week's news.
_FRESH = timedelta(days=1)


def watch(now: datetime) -> None:
    """Tell each round of each notice once, and its end to those who were told."""
    news = Q(ended_at=None, rounds__gt=0) | Q(ended_at__gt=now - _FRESH)
    # Nearly always there is none, and to write down the questions costs more than to ask them.
    if not Notice.objects.filter(news).exists():
        return
    own = Channel.objects.filter(team=OuterRef("team"), is_on=True).exclude(kind=ChannelKind.EMAIL)
    told = Alert.objects.filter(notice=OuterRef("pk"))
    this_round = told.filter(round=OuterRef("rounds"))
    for notice in Notice.objects.open().filter(Exists(own), ~Exists(this_round), rounds__gt=0):
        _tell_round(notice, now)
    ended = Notice.objects.filter(ended_at__gt=now - _FRESH, subjects__is_healed=True).distinct()
    for notice in ended.filter(Exists(told), ~Exists(told.filter(round=ALL_CLEAR))):
        _tell_end(notice, now)


def _tell_round(notice: Notice, now: datetime) -> None:
    subjects = notice.subjects.select_related("connection").order_by("connection__name")
    hit = list(subjects.filter(over_at=None, round=notice.rounds))
    if hit and rules.of_team(notice.team_id).on_connection:
        letter = letters.problem(notice, hit, now)
        _tell(notice, notice.rounds, facts.of_notice(notice, letter, is_recovery=False), now)


def _tell_end(notice: Notice, now: datetime) -> None:
    subjects = notice.subjects.select_related("connection").order_by("connection__name")
    healed = list(subjects.filter(is_healed=True))
    if rules.of_team(notice.team_id).on_recovery:
        letter = letters.all_clear(notice, healed)
        _tell(notice, ALL_CLEAR, facts.of_notice(notice, letter, is_recovery=True), now)


def _tell(notice: Notice, round: int, said: facts.Facts, now: datetime) -> None:
    try:
        with transaction.atomic():
            tell(said, team_id=notice.team_id, notice=notice, round=round, now=now)
    except IntegrityError:
        # Another watcher was quicker.
        pass
