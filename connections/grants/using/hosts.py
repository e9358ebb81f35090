"""Where a connection's token may go: to hosts that somebody vouches for, and nowhere else.

Vouched for are the hosts of its own addresses, those that the catalogue knows as its provider's, those that
whoever manages it has allowed, and those that the provider's answers name within the catalogue's bounds.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import User, Verb
from connections import outbound
from connections.grants.asking.dialects import dialect_of, provider_of
from connections.grants.auditing import record
from connections.grants.errors import TokenUnavailable
from connections.grants.renewal.storing import lock
from connections.models import Connection, Token
from connections.outbound.addresses import DEFAULT_PORTS, Origin, parse_url

MAX_ALLOWED_HOSTS = 100

_PLACE = re.compile(r"\{(\w+)\}")


class HostNotAllowed(TokenUnavailable):
    """The token may not be sent there: who manages the connection has to allow `host` first."""

    code = "host_not_allowed_for_connection"

    def __init__(self, connection_name: str, host: str) -> None:
        super().__init__(
            f"The token of “{connection_name}” is not sent to {host}, because nobody has allowed this host "
            "for the connection. If it belongs to the same API, whoever manages the connection can allow it; "
            "if not, choose another connection."
        )
        self.host = host


@dataclass(frozen=True, slots=True)
class Reach:
    """The hosts that one connection's token may go to, with port where it is not the scheme's.

    `*.` in front of one of them stands for any one label or more.
    """

    connection_name: str
    hosts: tuple[str, ...]

    def check(self, url: str) -> None:
        """Raise HostNotAllowed, or the door's Refused, unless the token may go along to this address.

        Over https only, but for what OUTBOUND_ALLOW lists (RFC 6750 §5.3).
        """
        host = spelled(outbound.origin_for_secrets(url))
        if not any(_fits(host, pattern) for pattern in self.hosts):
            raise HostNotAllowed(self.connection_name, host)


def reach_of(connection: Connection) -> Reach:
    """Where its token may go, by the settings and by what the provider's newest answer has told."""
    return Reach(connection.name, tuple(dict.fromkeys(_hosts(connection, kept_of(connection)))))


def kept_of(connection: Connection) -> Mapping[str, object]:
    """What the newest answer and the callback have told besides tokens, by name. Decrypts nothing."""
    return Token.objects.filter(connection_id=connection.pk).values_list("kept", flat=True).first() or {}


def allow_host(connection: Connection, host: str, *, user: User, now: datetime) -> None:
    """Let the token of a connection go to this host from now on, too. The caller has checked who asks.

    Raises ValueError with a sentence for what is no host, or one too many.
    """
    host = read_host(host)
    with transaction.atomic():
        current = lock(connection)
        if current is None or host in current.allowed_hosts:
            return
        if len(current.allowed_hosts) >= MAX_ALLOWED_HOSTS:
            raise ValueError(f"A connection may have at most {MAX_ALLOWED_HOSTS} allowed hosts.")
        current.allowed_hosts = [*current.allowed_hosts, host]
        current.updated_at = now
        current.save(update_fields=["allowed_hosts", "updated_at"])
        record(Verb.ALLOWED_HOST, current, user=user, now=now, detail={"Host": host})
    connection.allowed_hosts = current.allowed_hosts


def read_host(typed: str) -> str:
    """`api.example.com` or `api.example.com:8443`, as it is stored; of a whole address its host.

    Raises ValueError with a sentence.
    """
    text = typed.strip()
    try:
        return spelled(parse_url(text if "://" in text else f"https://{text}").origin)
    except outbound.Refused as refusal:
        raise ValueError(str(refusal)) from None


def spelled(origin: Origin) -> str:
    """The host as people write it, with the port if it is not the scheme's own."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


def is_fillable(template: str, values: Mapping[str, str]) -> bool:
    """Whether all of its `{names}` have a value."""
    return all(name in values for name in _PLACE.findall(template))


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text with its `{names}` replaced, once; names without a value stay, and thereby lead nowhere."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)


def _hosts(connection: Connection, kept: Mapping[str, object]) -> Iterator[str]:
    for url in (connection.authorization_url, connection.token_url):
        yield from _host_in(url)
    if provider := provider_of(connection):
        values = connection.placeholders or provider.values_in(connection.token_url)
        yield from (filled(pattern, values) for pattern in provider.api_hosts)
    yield from connection.allowed_hosts
    bounds = dialect_of(connection).answer_hosts
    for value in kept.values():
        if isinstance(value, str):
            yield from (host for host in _host_in(value) if any(_fits(host, bound) for bound in bounds))


def _host_in(value: str) -> Iterator[str]:
    """The host of an address, or that the text is one; nothing for any other text."""
    try:
        yield read_host(value)
    except ValueError:
        return


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
