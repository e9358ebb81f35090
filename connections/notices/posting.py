"""The mails that wait, out to the mail server: claimed by lease, sent, then marked as sent."""

import logging
import smtplib
import time
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from connections.models import NoticeMail, NoticeSubject
from connections.models.notices import ALL_CLEAR

from . import letters, mailing
from .people import hearing

# Longer than a mail server may take for one mail: EMAIL_TIMEOUT for each of its few answers.
LEASE = timedelta(minutes=5)
# A mail server that is away is asked again after 1, 2, 4, … minutes, at most an hour. A mail says how things
# are when it leaves, so none grows too old to be sent.
_FIRST_GAP, _LONGEST_GAP = timedelta(minutes=1), timedelta(hours=1)
_MAX_SECONDS = 20.0
_BATCH = 200

logger = logging.getLogger(__name__)


def post(*, now: datetime) -> int:
    """Send the mails that wait, the oldest first, for 20 s at most; how many were sent."""
    began = time.monotonic()
    sent = 0
    for mail in _waiting(now).order_by("send_at", "pk")[:_BATCH]:
        elapsed = time.monotonic() - began
        if elapsed > _MAX_SECONDS:
            break
        at = now + timedelta(seconds=elapsed)
        if not _claim(mail, at):
            continue
        try:
            sent += _send(mail, at)
        except smtplib.SMTPRecipientsRefused:
            _put_off(mail, at)
        except OSError as error:
            # The next one would only wait for the same server.
            _put_off(mail, at)
            logger.warning("The mail server did not take a mail: %s", type(error).__name__)
            break
    return sent


def _waiting(now: datetime) -> "QuerySet[NoticeMail]":
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return NoticeMail.objects.filter(unleased, sent_at=None, dropped_at=None, send_at__lte=now)


def _claim(mail: NoticeMail, now: datetime) -> bool:
    claimed = _waiting(now).filter(pk=mail.pk, tries=mail.tries)
    return claimed.update(leased_until=now + LEASE, tries=F("tries") + 1) == 1


def _own(mail: NoticeMail) -> "QuerySet[NoticeMail]":
    """The mail, unless our lease ran out and somebody else has claimed it since."""
    return NoticeMail.objects.filter(pk=mail.pk, tries=mail.tries + 1)


def _put_off(mail: NoticeMail, now: datetime) -> None:
    gap = min(_FIRST_GAP * 2 ** min(mail.tries, 10), _LONGEST_GAP)
    _own(mail).update(leased_until=None, send_at=now + gap)


def _send(mail: NoticeMail, now: datetime) -> bool:
    """Send a claimed mail, or drop it if there is no need of it any more."""
    waits = mail.is_all_clear and _of_trouble(mail).filter(sent_at=None, dropped_at=None).exists()
    if waits:
        # Whether the reader has heard of the trouble is not decided yet.
        _put_off(mail, now)
        return False
    address = mail.user.verified_address
    letter = _letter(mail, now) if address else None
    if letter is None:
        _own(mail).update(leased_until=None, dropped_at=now)
        return False
    mailing.send(address, subject=letter.subject, text=letter.text, html=letter.html, id=mail.pk)
    _own(mail).update(leased_until=None, sent_at=now)
    return True


def _letter(mail: NoticeMail, now: datetime) -> letters.Letter | None:
    """What it says as things are now; None if it would tell this reader nothing."""
    notice = mail.notice
    subjects = notice.subjects.select_related("connection").order_by("connection__name")
    if mail.is_all_clear:
        was_told = _of_trouble(mail).filter(sent_at__isnull=False).exists()
        mine = _managed(mail, subjects.filter(is_healed=True)) if was_told else []
        return letters.all_clear(notice, mine) if mine else None
    mine = _managed(mail, subjects.filter(over_at=None, round=mail.round))
    return letters.problem(notice, mine, now) if mine else None


def _managed(mail: NoticeMail, subjects: "QuerySet[NoticeSubject]") -> list[NoticeSubject]:
    """Those that the reader may do something about, now: roles change, and so do wishes."""
    member = hearing(mail.notice.team).filter(user=mail.user).first()
    return [subject for subject in subjects if member and subject.connection.is_managed_by(member)]


def _of_trouble(mail: NoticeMail) -> "QuerySet[NoticeMail]":
    """The mails of the same notice to the same reader, but for the one that all is well."""
    return NoticeMail.objects.filter(notice=mail.notice_id, user=mail.user_id).exclude(round=ALL_CLEAR)
