"""The few checks that no data describes, each by its name in `Dialect.quirk`."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

Parameters = Mapping[str, Sequence[str]]


def callback_is_genuine(quirk: str, parameters: Parameters, client_secret: str, *, token_host: str) -> bool:
    """Whether the provider itself sent this callback, as far as it can be told; True where it cannot.

    `token_host` is where the code would be traded.
    """
    check = _CALLBACK_CHECKS.get(quirk)
    return check is None or check(parameters, client_secret, token_host)


def _is_signed_by_shopify(parameters: Parameters, client_secret: str, token_host: str) -> bool:
    """Signed with the client secret, and for the shop that was asked for.

    Source: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
    """
    said = {name: values[0] for name, values in parameters.items() if len(values) == 1}
    if len(said) != len(parameters) or said.get("shop") != token_host:
        return False
    signature = said.pop("hmac", "")
    signed = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in sorted(said.items()))
    expected = hmac.new(client_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26").replace("=", "%3D")


_CALLBACK_CHECKS: Mapping[str, Callable[[Parameters, str, str], bool]] = {"shopify": _is_signed_by_shopify}
