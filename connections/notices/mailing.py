"""One mail, out to the mail server."""

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection


def send(address: str, *, subject: str, text: str, html: str, id: UUID, thread: UUID | None = None) -> None:
    """Send a mail. Raises OSError, of which SMTPRecipientsRefused is about this address alone.

    `id` is the same for each try, so that a mailbox that gets it twice can tell; mails of one `thread` are
    shown together.
    """
    host = urlsplit(settings.BASE_URL).hostname
    headers = {"Message-ID": f"<{id}@{host}>", "Auto-Submitted": "auto-generated"}
    if thread:
        headers["References"] = f"<{thread}@{host}>"
    message = EmailMultiAlternatives(
        subject=subject, body=text, to=[address], headers=headers, connection=get_connection()
    )
    message.attach_alternative(html, "text/html")
    message.send()
