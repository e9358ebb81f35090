"""Providers with several sites, whose callback tells at which one the account lives (Zoho's data centres).

Only a place that the catalogue lists is ever taken from a callback: it decides where the client secret goes.
"""

from collections.abc import Mapping
from copy import copy

from connections.grants.asking.dialects import known_provider
from connections.models import Connection
from connections.oauth2.dialect import Dialect

# What differs at another place, on the connection's row.
PLACED = ("token_url", "revocation_url", "placeholders")


class ElsewhereError(Exception):
    """The callback names a place that the provider is not known to have. Nothing may be sent there."""

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.value = value


def where_the_account_lives(connection: Connection, dialect: Dialect, said: Mapping[str, str]) -> Connection:
    """The connection with the addresses of the account's place, not saved; itself, if it is the same.

    Raises ElsewhereError.
    """
    told = {name: said[name] for name in dialect.callback_placeholders if name in said}
    provider = known_provider(connection)
    if provider is None or not told:
        return connection
    values = {**provider.values_in(connection.token_url), **connection.placeholders}
    placeholders = {placeholder.name: placeholder for placeholder in provider.placeholders}
    new = dict(values)
    for parameter, value in told.items():
        name = dialect.callback_placeholders[parameter]
        place = placeholders[name].read(value)
        if place is None:
            raise ElsewhereError(parameter, value)
        new[name] = place
    if new == values:
        return connection
    before, after = provider.filled(values), provider.filled(new)
    moved = copy(connection)
    moved.token_url = after.token_url
    # An address of the provider's moves along; one that somebody has typed stays.
    if connection.revocation_url == before.revocation_url:
        moved.revocation_url = after.revocation_url
    # Values that fill in addresses stay with them; those of a custom address are in the address itself.
    held = new if connection.preset else {name: new[name] for name in new if name in connection.placeholders}
    moved.placeholders = {**connection.placeholders, **held}
    return moved
