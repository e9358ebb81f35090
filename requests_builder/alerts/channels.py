"""Channels made, changed, tried and removed by people; each of it is written into the audit log."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Team, User, Verb
from connections import outbound
from connections.notices.wording import bounded
from requests_builder.alerts import facts, signing
from requests_builder.alerts.sending import Message, NotSent, send
from requests_builder.models import Channel, ChannelKind

MOST_CHANNELS = 20
# So long the secret before also signs, for receivers that have not been told yet.
OVERLAP = timedelta(hours=24)
_KIND = "alert channel"


class ChannelRefused(Exception):
    """What was asked for cannot be: the sentence says why."""


def save(
    channel: Channel,
    *,
    name: str,
    user: User,
    now: datetime,
    url: str = "",
    people: Iterable[User] | None = None,
) -> str:
    """Store a channel; an empty URL keeps the one that is there. The new secret of a new signed webhook, else
    nothing. Raises ChannelRefused.
    """
    is_new, secret = channel._state.adding, ""
    channel.name = name
    if url:
        # Another address may well work.
        channel.url, channel.host = url, outbound.origin_for_secrets(url).host
        channel.failing_since, channel.last_error = None, ""
    if is_new:
        channel.created_by = user
        if channel.kind == ChannelKind.WEBHOOK:
            channel.secret = secret = signing.new_secret()
    try:
        with transaction.atomic():
            if is_new:
                # Of several who add one at the same time, each counts those of the others.
                Team.objects.select_for_update(no_key=True).get(pk=channel.team_id)
            if is_new and channel.team.alert_channels.count() >= MOST_CHANNELS:
                raise ChannelRefused(f"A team has at most {MOST_CHANNELS} channels. Delete one first.")
            channel.save()
            if people is not None:
                channel.people.set(people)
            _record(Verb.CREATED if is_new else Verb.EDITED, channel, user, now)
    except IntegrityError:
        raise ChannelRefused("Another channel of this team has this name.") from None
    return secret


def rotate_secret(channel: Channel, *, user: User, now: datetime) -> str:
    """A new secret for a signed webhook. The one before it signs, too, for `OVERLAP`."""
    secret = signing.new_secret()
    with transaction.atomic():
        found = Channel.objects.select_for_update().get(pk=channel.pk)
        found.replace_secret(secret, until=now + OVERLAP)
        _record(Verb.REPLACED_SECRET, channel, user, now)
    return secret


def switch(channel: Channel, *, is_on: bool, user: User, now: datetime) -> None:
    """Have alerts go through the channel, or no longer."""
    with transaction.atomic():
        Channel.objects.filter(pk=channel.pk).update(is_on=is_on)
        detail = {"Switched": "on" if is_on else "off"}
        _record(Verb.EDITED, channel, user, now, detail)


def delete(channel: Channel, *, user: User, now: datetime) -> None:
    """Remove a channel, and what waits for it."""
    with transaction.atomic():
        _record(Verb.DELETED, channel, user, now)
        channel.delete()


def test(channel: Channel, *, user: User, now: datetime) -> str:
    """Send a message now, mail to `user` alone; empty if it arrived, else why not."""
    team: Team = channel.team
    message = Message(uuid.uuid4(), facts.of_test(team.name, team.slug), now, user)
    try:
        send(channel, message, now)
    except NotSent as failure:
        if failure.is_of_channel and channel.kind != ChannelKind.EMAIL:
            Channel.objects.filter(pk=channel.pk).update(
                failing_since=channel.failing_since or now, last_error=bounded(str(failure), 500)
            )
        return str(failure)
    note_success(channel, now)
    # What waited for the channel need wait no longer.
    channel.deliveries.waiting().filter(leased_until=None, send_at__gt=now).update(send_at=now)
    return ""


def note_success(channel: Channel, now: datetime) -> None:
    """Something has arrived."""
    Channel.objects.filter(pk=channel.pk).update(last_sent_at=now, failing_since=None, last_error="")


def _record(
    verb: Verb, channel: Channel, user: User, now: datetime, detail: dict[str, str] | None = None
) -> None:
    audit.record(
        verb,
        team_id=channel.team_id,
        kind=_KIND,
        object_id=channel.pk,
        object_name=channel.name,
        user=user,
        now=now,
        detail=detail,
    )
