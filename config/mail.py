"""Mail without a mail server: printed for whoever started the product, and kept as files."""

from collections.abc import Sequence

from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.core.mail.message import EmailMessage


class PrintedAndKept(FileBackend):
    """Writes each mail to `EMAIL_FILE_PATH` and its text to standard output."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            print(f"Mail to {', '.join(message.to)}: {message.subject}\n{message.body}", flush=True)
        return super().send_messages(email_messages) or 0
