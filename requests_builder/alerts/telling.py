"""An alert, and its deliveries through the channels of the team: written with what they tell about."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from connections.notices.people import hearing
from requests_builder.alerts.facts import Facts
from requests_builder.models import Alert, Channel, ChannelKind, Delivery, Incident

# By notices about connections mails are written already, to those who may mend them.
NOT_BY_MAIL = frozenset({"connection"})
MAIL_CHANNEL = "E-mail to members"


def tell(
    facts: Facts, *, team_id: UUID, now: datetime, incident: Incident | None = None, **of_notice: Any
) -> Alert:
    """Write what there is to tell, for each channel; within the transaction of what it tells about."""
    is_recovery = facts["event"] == "recovered"
    alert = Alert(
        team_id=team_id, incident=incident, is_recovery=is_recovery, at=now, facts=facts, **of_notice
    )
    before = _before(alert)
    alert.save(force_insert=True)
    deliveries = _after(alert, before, now) if is_recovery else _of_all(alert, now)
    Delivery.objects.bulk_create(deliveries, batch_size=500)
    return alert


def mail_channel(team_id: UUID) -> Channel:
    """The mails of a team, which it has from the beginning."""
    found, _ = Channel.objects.get_or_create(
        team_id=team_id, kind=ChannelKind.EMAIL, defaults={"name": MAIL_CHANNEL}
    )
    return found


def readers(channel: Channel) -> Iterator[int]:
    """The ids of those who get a mail channel's mails, if they have shown an address to be theirs."""
    chosen = set(channel.people.values_list("pk", flat=True))
    for member in hearing(channel.team):
        if not chosen or member.user_id in chosen:
            yield member.user_id


def _of_all(alert: Alert, now: datetime) -> Iterator[Delivery]:
    mail_channel(alert.team_id)
    for channel in Channel.objects.filter(team=alert.team_id, is_on=True).select_related("team"):
        if channel.kind != ChannelKind.EMAIL:
            yield Delivery(alert=alert, channel=channel, send_at=now)
        elif alert.facts["kind"] not in NOT_BY_MAIL:
            for user_id in readers(channel):
                yield Delivery(alert=alert, channel=channel, user_id=user_id, send_at=now)


def _before(alert: Alert) -> list[Delivery]:
    """How the beginning was told of what an alert tells the end of."""
    if not alert.is_recovery:
        return []
    told = Alert.objects.filter(is_recovery=False)
    told = told.filter(incident=alert.incident) if alert.incident_id else told.filter(notice=alert.notice)
    return list(Delivery.objects.filter(alert__in=told, dropped_at=None, channel__is_on=True))


def _after(alert: Alert, before: Iterable[Delivery], now: datetime) -> Iterator[Delivery]:
    """To those who heard of the beginning, or will: the end."""
    for channel_id, user_id in dict.fromkeys((each.channel_id, each.user_id) for each in before):
        yield Delivery(alert=alert, channel_id=channel_id, user_id=user_id, send_at=now)
