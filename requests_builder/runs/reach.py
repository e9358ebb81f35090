"""Where the secrets of a request may go: variables that are bound to hosts, and one that was typed in."""

from collections.abc import Iterable

from connections import grants, outbound
from requests_builder import variables


class SecretNotAllowed(Exception):
    """A secret may not be sent there; `sentence` says which and why."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


def check_reach(url: str, secrets: Iterable[variables.Secret]) -> None:
    """Raise SecretNotAllowed, or the door's Refused, unless these secrets may go along to this address.

    Those that are bound to hosts go over https only, but for what OUTBOUND_ALLOW lists: over http it could be
    anybody who answers for a host.
    """
    for secret in secrets:
        if not secret.hosts:
            continue
        host = grants.read_host(outbound.check_url_for_secrets(url))
        if host not in secret.hosts:
            raise SecretNotAllowed(
                "host_not_allowed_for_variable",
                f"The secret {{{{ {secret.name} }}}} is not sent to {host}, because it is bound to "
                f"{', '.join(secret.hosts)}. Change the URL, or the variable: for another host its value has "
                "to be entered again.",
            )


MOVED = SecretNotAllowed(
    "host_not_allowed_for_secret",
    "The host of the URL is a variable, and its value has changed: the stored token, password or key is not "
    "sent there. Enter it again under Authorization.",
)
