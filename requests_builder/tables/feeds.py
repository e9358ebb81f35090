"""Feeds: addresses at which programs read a table, without signing in."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import User, Verb
from requests_builder.models import Feed, Publication, Table
from requests_builder.models.feeds import digest
from requests_builder.tables.ordering import Place
from requests_builder.tables.whole import Whole, part

FORMATS = ("csv", "json", "ndjson")
MOST_ROWS = 10_000
MOST_FEEDS = 50
_KIND = "feed"


class FeedRefused(Exception):
    """A feed cannot be made; the sentence says why."""


class InvalidQuestion(ValueError):
    """The parameters cannot be understood; the sentence says what to put right."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a program wants of a feed."""

    since: datetime | None = None
    after: Place | None = None
    limit: int | None = None


def create(table: Table, name: str, *, user: User, now: datetime) -> tuple[Feed, str]:
    """A new feed, and its token, which is not kept. Raises FeedRefused."""
    if table.feeds.count() >= MOST_FEEDS:
        raise FeedRefused(
            f"A table has no more than {MOST_FEEDS} feeds. Revoke one that is not used any more."
        )
    token = Feed.new_token()
    try:
        with transaction.atomic():
            feed = Feed.objects.create(
                table=table,
                name=name,
                token_hash=digest(token),
                token_start=Feed.start_of(token),
                created_by=user,
                created_at=now,
                window_at=now,
            )
            _record(Verb.CREATED, feed, user, now)
    except IntegrityError:
        raise FeedRefused("This table has a feed of this name. Choose another name.") from None
    return feed, token


@transaction.atomic
def revoke(feed: Feed, *, user: User, now: datetime) -> bool:
    """End the feed: its address answers 404 from now on. False if somebody else was faster."""
    is_ended = Feed.objects.filter(pk=feed.pk).delete()[0] == 1
    if is_ended:
        _record(Verb.DELETED, feed, user, now)
    return is_ended


def of_token(token: str) -> Feed | None:
    """The feed with this token. What is compared are digests, so time tells nothing about tokens."""
    return Feed.objects.select_related("table").filter(token_hash=digest(token)).first()


def question(query: Mapping[str, str]) -> Question:
    """What the parameters of an address ask for. Raises InvalidQuestion."""
    since = after = limit = None
    if text := query.get("since", "").strip():
        since = _moment(text)
    if text := query.get("after", "").strip():
        match = re.fullmatch("([0-9]{1,18})[.]([0-9]{1,18})", text)
        if not match:
            raise InvalidQuestion("after must be a cursor from the Link header of an earlier answer.")
        after = Place(int(match[1]), int(match[2]))
    if text := query.get("limit", "").strip():
        if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_ROWS:
            raise InvalidQuestion(
                f"limit must be a number from 1 to {MOST_ROWS:,}; without it, there are all rows."
            )
        limit = int(text)
    return Question(since, after, limit)


def answer(feed: Feed, asked: Question) -> tuple[Whole, str]:
    """The rows, and the parameters of the next part, if there is one and a limit was set."""
    found, last = part(feed.table, since=asked.since, after=asked.after, limit=asked.limit)
    if last is None:
        return found, ""
    following = {"limit": str(asked.limit), "after": f"{last.batch}.{last.row}"}
    if asked.since:
        following["since"] = asked.since.isoformat()
    return found, urlencode(following)


def state(feed: Feed, asked: Question, format: str, now: datetime) -> tuple[str, datetime | None]:
    """An entity tag for the answer, and when the table last changed; None if that is too short ago.

    Two publications may fall into one second, which is as exact as HTTP dates are (RFC 9110 §8.8.2.2).
    """
    words = f"{feed.pk} {feed.table.publication} {format} {asked!r}"
    tag = f'"{hashlib.sha256(words.encode()).hexdigest()[:32]}"'
    newest = Publication.objects.filter(table=feed.table).order_by("-at", "-id").first()
    changed_at = newest.at if newest else feed.table.created_at
    return tag, changed_at if changed_at < now - timedelta(seconds=2) else None


def _moment(text: str) -> datetime:
    try:
        # A plus sign in an address is a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidQuestion(
            "since must be a moment such as 2026-11-23T12:00:00Z, or a day; without an offset it is in UTC."
        ) from None


def _record(verb: Verb, feed: Feed, user: User, now: datetime) -> None:
    table = feed.table
    audit.record(
        verb,
        team_id=table.team_id,
        kind=_KIND,
        object_id=feed.pk,
        object_name=feed.name,
        user=user,
        now=now,
        detail={"Table": table.name},
    )
