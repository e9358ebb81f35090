"""The deliveries that wait, out through their channels: claimed by lease, sent, then marked as sent."""

import logging
import time
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from connections.notices.wording import bounded
from requests_builder.alerts import channels
from requests_builder.alerts.sending import Message, NotSent, send
from requests_builder.alerts.telling import readers
from requests_builder.models import Alert, Channel, ChannelKind, Delivery

# Longer than one message may take; a mail server may take a few times EMAIL_TIMEOUT.
LEASE = timedelta(minutes=5)
# Tried again after 15, 30, 60, … seconds, at most an hour; and given up after a day.
FIRST_GAP, LONGEST_GAP = timedelta(seconds=15), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
_MAX_SECONDS = 20.0
_BATCH = 200

logger = logging.getLogger(__name__)


def post(*, now: datetime) -> int:
    """Send what waits, for 20 s at most; how many were sent.

    What goes through channels that work comes first, so that one that hangs holds up no other.
    """
    began = time.monotonic()
    sent, broken = 0, set[UUID]()
    healthy_first = F("channel__failing_since").asc(nulls_first=True)
    # In the order of events; of what was seen in one look, that it fails before that it was paused.
    in_order = ("send_at", "alert__at", "alert__incident__kind", "pk")
    waiting = Delivery.objects.due(now).select_related("channel__team", "alert", "user")
    for delivery in waiting.order_by(healthy_first, *in_order)[:_BATCH]:
        elapsed = time.monotonic() - began
        if elapsed > _MAX_SECONDS:
            break
        at = now + timedelta(seconds=elapsed)
        if delivery.channel_id in broken or not _claim(delivery, at):
            continue
        try:
            sent += _send(delivery, at)
        except NotSent as failure:
            _put_off(delivery, failure, at)
            if failure.is_of_channel:
                broken.add(delivery.channel_id)
    return sent


def _claim(delivery: Delivery, now: datetime) -> bool:
    free = Delivery.objects.due(now).filter(pk=delivery.pk, tries=delivery.tries)
    return free.update(leased_until=now + LEASE, tries=F("tries") + 1) == 1


def _own(delivery: Delivery) -> "QuerySet[Delivery]":
    """The delivery, unless our lease ran out and somebody else has claimed it since."""
    return Delivery.objects.filter(pk=delivery.pk, tries=delivery.tries + 1)


def _send(delivery: Delivery, now: datetime) -> bool:
    """Send a claimed delivery, or drop it if there is no need of it any more. Raises NotSent."""
    channel, alert = delivery.channel, delivery.alert
    if alert.is_recovery and (before := _of_the_beginning(delivery)):
        if any(each.sent_at is None and each.dropped_at is None for each in before):
            # First things first.
            _own(delivery).update(leased_until=None, send_at=now + FIRST_GAP)
            return False
        if all(each.sent_at is None for each in before):
            return _drop(delivery, "What is over had never arrived.", now)
    if not channel.is_on:
        return _drop(delivery, "The channel is switched off.", now)
    if channel.kind == ChannelKind.EMAIL and delivery.user_id not in set(readers(channel)):
        return _drop(delivery, "The member wants no such mails any more.", now)
    thread = alert.incident_id or alert.notice_id
    send(channel, Message(delivery.pk, alert.facts, alert.at, delivery.user, thread), now)
    _own(delivery).update(leased_until=None, sent_at=now, error="")
    channels.note_success(channel, now)
    return True


def _of_the_beginning(delivery: Delivery) -> list[Delivery]:
    alert = delivery.alert
    told = Alert.objects.filter(is_recovery=False)
    told = (
        told.filter(incident=alert.incident_id) if alert.incident_id else told.filter(notice=alert.notice_id)
    )
    return list(Delivery.objects.filter(alert__in=told, channel=delivery.channel_id, user=delivery.user_id))


def _drop(delivery: Delivery, why: str, now: datetime) -> bool:
    _own(delivery).update(leased_until=None, dropped_at=now, error=why)
    return False


def _put_off(delivery: Delivery, failure: NotSent, now: datetime) -> None:
    why = bounded(str(failure), 500)
    gap = min(FIRST_GAP * 2 ** min(delivery.tries, 12), LONGEST_GAP)
    is_over = failure.is_final or now - delivery.alert.at >= GIVEN_UP_AFTER
    _own(delivery).update(
        leased_until=None,
        error=why,
        send_at=now + max(gap, failure.retry_after or gap),
        dropped_at=now if is_over else None,
    )
    if failure.is_of_channel:
        # Nobody is there any more: what it says on the page, and no more tries.
        off = {"is_on": False} if failure.is_final else {}
        Channel.objects.filter(pk=delivery.channel_id).update(
            failing_since=Coalesce("failing_since", now), last_error=why, **off
        )
    # Why not stands in the row: receivers say what they like.
    logger.warning("Alert %s did not arrive by channel %s", delivery.alert_id, delivery.channel_id)
