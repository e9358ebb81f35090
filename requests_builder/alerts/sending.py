"""One message out through a channel, and what came of it in a sentence."""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from accounts.models import User
from connections import outbound
from connections.notices import mailing
from connections.notices.wording import bounded
from requests_builder.alerts import messages, signing
from requests_builder.alerts.facts import Facts
from requests_builder.models import Channel, ChannelKind, DecryptionFailed

# A receiver writes the message down and answers; what takes longer is taken for lost.
_BUDGET = outbound.Budget(total_seconds=10, max_body_bytes=2**16)
_MOST_QUOTED = 200


class NotSent(Exception):
    """The message did not arrive; the sentence says why, and names no secret.

    `is_final`: nobody is there any more. `is_of_channel`: what else goes through the channel will not arrive
    either. `retry_after`: for so long the other side wants to be left alone.
    """

    def __init__(
        self,
        sentence: str,
        *,
        is_final: bool = False,
        is_of_channel: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(sentence)
        self.is_final, self.is_of_channel, self.retry_after = is_final, is_of_channel, retry_after


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: `id` is the same for each try. `at` is when it was said, `user` who gets the mail."""

    id: UUID
    facts: Facts
    at: datetime
    user: User | None = None
    thread: UUID | None = None


def send(channel: Channel, message: Message, now: datetime) -> None:
    """Send it. Raises NotSent. No transaction is open meanwhile."""
    _WAYS[ChannelKind(channel.kind)](channel, message, now)


def _mail(channel: Channel, message: Message, now: datetime) -> None:
    address = message.user.verified_address if message.user else ""
    if not address:
        raise NotSent("The address is not confirmed yet.", is_final=True, is_of_channel=False)
    letter = messages.mail(message.facts)
    try:
        mailing.send(
            address,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            id=message.id,
            thread=message.thread,
        )
    except smtplib.SMTPRecipientsRefused:
        raise NotSent(f"The mail server refuses {address}.", is_of_channel=False) from None
    except OSError as error:
        what = f"The mail server did not take the mail ({type(error).__name__})."
        raise NotSent(f"{what} Tell whoever hosts this product.") from error


def _slack(channel: Channel, message: Message, now: datetime) -> None:
    _post(channel, messages.slack(message.facts), [])


def _webhook(channel: Channel, message: Message, now: datetime) -> None:
    body = messages.webhook(message.facts, message.at)
    try:
        keys = [channel.secret]
        if channel.previous_secret_until and channel.previous_secret_until > now:
            keys.append(channel.previous_secret)
    except DecryptionFailed:
        raise NotSent(_UNREADABLE) from None
    named = f"msg_{message.id.hex}"
    _post(channel, body, signing.headers(named, int(now.timestamp()), body, [key for key in keys if key]))


_WAYS: dict[ChannelKind, Callable[[Channel, Message, datetime], None]] = {
    ChannelKind.EMAIL: _mail,
    ChannelKind.SLACK: _slack,
    ChannelKind.WEBHOOK: _webhook,
}
_UNREADABLE = (
    "What is stored of this channel cannot be read with the encryption keys of this installation. Whoever "
    "hosts it has to put the missing key back; entering the address again helps, too."
)


def _post(channel: Channel, body: bytes, headers: list[tuple[str, str]]) -> None:
    try:
        url = channel.url or ""
    except DecryptionFailed:
        raise NotSent(_UNREADABLE) from None
    try:
        with outbound.Door() as door:
            answer = door.send(
                "POST",
                url,
                headers=[("Content-Type", "application/json"), *headers],
                body=body,
                budget=_BUDGET,
            )
    except outbound.OutboundError as error:
        # What was typed may be quoted in it, and the path of such an address is its secret.
        raise NotSent(str(error).replace(url, channel.host)) from error
    if 200 <= answer.status < 300:
        return
    raise NotSent(
        _refusal(answer),
        is_final=answer.status == HTTPStatus.GONE,
        retry_after=_retry_after(answer.header("Retry-After")),
    )


def _refusal(answer: outbound.Answer) -> str:
    said = bounded(answer.text()[:2_000], _MOST_QUOTED) if answer.body else ""
    named = f"It answered {answer.status} {answer.reason}".strip()
    if 300 <= answer.status < 400:
        return f"{named}, which leads elsewhere. Enter the address that it leads to."
    return f"{named}: “{said}”." if said else f"{named}."


def _retry_after(value: str | None) -> timedelta | None:
    text = (value or "").strip()
    return timedelta(seconds=min(int(text[:6]), 3_600)) if text.isascii() and text.isdigit() else None
