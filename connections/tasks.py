"""What workers do for connections: find the row, read the clock, call one function."""

from celery import shared_task
from django.utils.timezone import now

from connections import grants, notices
from connections.models import Connection


@shared_task(name="connections.tasks.refresh_due_tokens")
def refresh_due_tokens() -> int:
    """By the beat: renew every token whose time has come."""
    return grants.refresh_due_tokens(now=now())


@shared_task(name="connections.tasks.refresh_token")
def refresh_token(connection_pk: str) -> None:
    """Renew one token out of line. Its row says what came of it, and when it is next."""
    connection = Connection.objects.filter(pk=connection_pk).first()
    if connection is None:
        return
    try:
        grants.refresh(connection, now=now())
    except grants.TokenUnavailable:
        return


@shared_task(name="connections.tasks.revoke_discarded_tokens")
def revoke_discarded_tokens() -> int:
    """By the beat, and after a connection was deleted: tell providers which tokens are no longer used."""
    return grants.revoke_discarded_tokens(now=now())


@shared_task(name="connections.tasks.tell_people")
def tell_people() -> int:
    """By the beat: bring notices into step with the states of connections, and send the mails that wait."""
    grants.note_ended(now=now())
    notices.watch(now=now())
    return notices.post(now=now())


@shared_task(name="connections.tasks.thin_history")
def thin_history() -> int:
    """By the beat: remove what the log of token calls need not keep."""
    return grants.thin(now=now())
