"""What people read: what happened, and who mends it how."""

from collections.abc import Callable

from connections.models import AuthorizationStep, Connection
from connections.oauth2 import (
    IMPLICIT_ANSWER,
    AnotherAccount,
    AuthorizationRefused,
    ClientRejected,
    GrantRejected,
    Refusal,
    ServerUnavailable,
    TokenRequestFailed,
    UnknownRefusal,
    UnreadableAnswer,
)

START_AGAIN = "Start again from the connection's page."
UNKNOWN_FLOW = (
    "This answer does not belong to any authorization that was begun here, or it has been used up. "
    "Start again from the connection's page."
)
OTHER_BROWSER = (
    "This authorization was begun by another account, in another browser, or before you signed in again. "
    "Start again from the connection's page, in this browser."
)
EXPIRED = "The authorization was not finished within ten minutes. Start again from the connection's page."
SUPERSEDED = "Too many authorizations were open at once, so this one was ended. " + START_AGAIN
ABANDONED = (
    "The exchange of the code was interrupted, and a code works only once. Start again from the "
    "connection's page."
)
SETTINGS_CHANGED = (
    "The connection's settings were changed while the provider's page was open. Start again to connect "
    "with the new ones."
)
NOT_ALLOWED = "You may no longer manage this connection. Ask an admin of the team to connect it."
DELETED = "The connection was deleted while the provider's page was open."

UNRENEWABLE = (
    "The access token has run out, and the provider gave no refresh token to renew it with. Reconnect it; so "
    "that it renews by itself, ask for offline access (often the scope offline_access, at Google the "
    "parameter access_type=offline)."
)
REJECTED_AGAIN = (
    "The API refuses the access token although it was renewed less than a minute ago, so its age is not the "
    "cause. Check that the request goes to the API this connection is for, and that its scopes suffice."
)


# The way of the browser -----------------------------------------------------------------------------


def refused(refusal: AuthorizationRefused, *, redirect_uri: str) -> tuple[str, str]:
    """What happened at the authorization endpoint and what to do; and the form field to look at."""
    if refusal.refusal is Refusal.REDIRECT_URI:
        return _unknown_redirect(redirect_uri), "client_id"
    if refusal.refusal is Refusal.NO_CODE:
        names = refusal.description or "no parameters at all"
        return (
            f"The provider sent the browser back with neither a code nor an error. It sent: {names}. Check "
            "Authorization Base URL.",
            "authorization_url",
        )
    if refusal.refusal is Refusal.REPEATED:
        return (
            f"The provider's answer has a parameter twice ({refusal.description}), so it cannot be trusted. "
            + START_AGAIN,
            "",
        )
    return _REFUSALS[refusal.refusal]


_REFUSALS = {
    Refusal.DECLINED: (
        "You declined at the provider, so nothing was connected. Try again and allow access if that was not "
        "intended.",
        "",
    ),
    Refusal.BLOCKED: (
        "Your administrator at the provider has blocked this app. Ask them to allow it, then try again.",
        "client_id",
    ),
    Refusal.AWAITS_OWNER: (
        "The installation was requested from an owner at the provider, who has to approve it. Try again "
        "after that.",
        "",
    ),
    Refusal.SCOPES: (
        "The provider does not accept the scopes. Check Scopes: they are separated by spaces, and the client "
        "must be allowed to ask for each.",
        "scopes",
    ),
    Refusal.CLIENT: (
        "The provider does not accept this client. Check Client ID, and that the client may use the "
        "authorization code flow.",
        "client_id",
    ),
    Refusal.PKCE: (
        "The provider refuses PKCE. Set PKCE to Off under Advanced, then try again.",
        "pkce",
    ),
    Refusal.UNAVAILABLE: ("The provider is out of order for the moment. Try again in a few minutes.", ""),
    Refusal.IMPLICIT: (IMPLICIT_ANSWER, "authorization_url"),
    Refusal.UNREADABLE: (
        "The provider sent a code that is too long or has characters that no code may have. Try again; if it "
        "happens again, the provider has to mend it.",
        "",
    ),
    Refusal.OTHER: (
        "The provider refused the authorization. Its own words say why; Authorization Base URL, Client ID "
        "and Scopes are where to look.",
        "authorization_url",
    ),
}


def wrong_issuer(issuer: str, expected: str) -> str:
    if not issuer:
        return (
            f"The provider's answer does not say who it comes from, although earlier ones did ({expected}). "
            "It was not used. Start again from the connection's page."
        )
    return (
        f"The answer comes from {issuer}, not from {expected}, so it was not used. Check Authorization Base "
        "URL: it must be of the provider that you signed in to."
    )


NOT_GENUINE = (
    "The answer does not bear the provider's signature for this client and address, so it was not used. "
    "Check Client Secret, with which the provider signs, and that you started from here."
)


def elsewhere(parameter: str, value: str) -> str:
    return (
        f"The provider says that the account lives at a place that it is not known to have ({parameter}: "
        f"{value}), so nothing was sent there. {START_AGAIN}"
    )


def failed_exchange(failure: TokenRequestFailed, *, redirect_uri: str) -> tuple[AuthorizationStep, str, str]:
    """Where the exchange of the code failed, what to do, and the form field to look at."""
    is_refusal = isinstance(failure, GrantRejected | ClientRejected) and failure.status
    if is_refusal and _mentions(failure, "redirect"):
        return AuthorizationStep.TOKEN, _unknown_redirect(redirect_uri), "client_id"
    if isinstance(failure, UnreadableAnswer):
        return AuthorizationStep.ANSWER, _NOTHING_FOUND, "token_url"
    explain = next(explain for kind, explain in _EXPLANATIONS if isinstance(failure, kind))
    return AuthorizationStep.TOKEN, *explain(failure)


_NOTHING_FOUND = (
    "The token URL answered, but there is no token to be found in the answer. Check that Token URL is the "
    "provider's token endpoint and not one of its pages."
)


def _rejected_grant(failure: TokenRequestFailed) -> tuple[str, str]:
    if _mentions(failure, "verifier") or _mentions(failure, "pkce"):
        return "The provider refuses the PKCE proof. Try again; if it stays, set PKCE to Off.", "pkce"
    return "The provider does not accept the code: it may have run out or been used. Try again.", ""


def _rejected_client(failure: TokenRequestFailed) -> tuple[str, str]:
    if "shared_client" in failure.code:
        return failure.description, ""
    if not failure.status:
        return f"The token URL may not be called from here. {failure.description}", "token_url"
    if "scope" in failure.code:
        return "The provider does not accept the scopes. Check Scopes.", "scopes"
    if failure.code in ("unauthorized_client", "unsupported_grant_type"):
        return (
            "The client may not ask for tokens in this way. Allow the grant type at the provider, or check "
            "Client ID.",
            "client_id",
        )
    return (
        "The provider does not accept the client. Check Client ID and Client Secret: the secret may have "
        "been copied wrongly, or renewed at the provider.",
        "client_secret",
    )


def _no_server(failure: TokenRequestFailed) -> tuple[str, str]:
    if failure.status:
        return "The provider is out of order for the moment. Try again in a few minutes.", ""
    return (
        "The token URL could not be reached. Check Token URL for a typo; if it is right, the provider may be "
        "out of order: try again in a few minutes.",
        "token_url",
    )


def _unknown_refusal(failure: TokenRequestFailed) -> tuple[str, str]:
    if failure.status in (404, 405, 410) or failure.code == "redirect":
        return "There is no token endpoint at this address. Check Token URL for a typo.", "token_url"
    return "The provider refused to give a token. Its own words say why.", "token_url"


_Explain = Callable[[TokenRequestFailed], tuple[str, str]]
_EXPLANATIONS: tuple[tuple[type[TokenRequestFailed], _Explain], ...] = (
    (GrantRejected, _rejected_grant),
    (ClientRejected, _rejected_client),
    (ServerUnavailable, _no_server),
    (TokenRequestFailed, _unknown_refusal),
)


def _mentions(failure: TokenRequestFailed, word: str) -> bool:
    return word in f"{failure.code} {failure.description}".lower()


def _unknown_redirect(redirect_uri: str) -> str:
    return (
        f"The provider does not know our redirect URL. Register exactly {redirect_uri} for this client at "
        "the provider, then try again."
    )


MISJUDGED = (
    "The provider wants the client secret in another place than we first put it. We know that now, but "
    "the code is used up: press Connect again."
)


def connected(*, is_renewable: bool, has_end: bool, remedy: str = "") -> str:
    """What a success means from now on; `remedy` is the provider's own for a missing refresh token."""
    if is_renewable:
        return "Connected. The access token renews by itself."
    if not has_end:
        return "Connected. The provider set no end to the access token."
    usual = (
        "So that it renews by itself, ask for offline access (often the scope offline_access, at Google the "
        "parameter access_type=offline) and connect again."
    )
    return (
        "Connected, but the provider gave no refresh token: the connection ends with the access token. "
        f"{remedy or usual}"
    )


def another_account(was: str, is_now: str) -> str:
    """A grant that is not, or not surely, the same account's as the one before it."""
    if not is_now:
        return f"It was the account {was} before; the provider did not say whose it is now."
    return f"It is another account than before: {is_now}, not {was}."


def other_token(path: str) -> str:
    return (
        f"The provider gave a second token, which is not used. To use that one instead, set Token path to "
        f"{path} under Advanced and connect again."
    )


def follow_up_failed(why: str, *, is_transient: bool) -> str:
    short = "Connected, but with a token that lives only shortly."
    if is_transient:
        return (
            f"{short} The provider has not given the lasting one yet; it is asked for again by itself. {why}"
        )
    return f"{short} The provider refuses the lasting one. {why}"


# Refreshing -----------------------------------------------------------------------------------------


def reason(failure: TokenRequestFailed, *, was_lost: bool) -> str:
    """What the connection's page says of a failed refresh, beside the provider's own words."""
    if isinstance(failure, AnotherAccount):
        sentence = (
            "The provider renewed with the tokens of another account, which were not used. Reconnect the "
            "connection as the account that it is for."
        )
    elif isinstance(failure, GrantRejected):
        sentence = "The provider no longer accepts the refresh token. Reconnect the connection."
        if was_lost:
            sentence = (
                "The provider's answer to an earlier renewal was lost on the way, and it does not accept the "
                "old refresh token any more. Reconnect the connection."
            )
    elif isinstance(failure, ClientRejected):
        sentence = (
            "The provider refuses the client, not the consent. Check Client ID, Client Secret and Token URL; "
            "once they are right, the connection goes on without reconnecting."
        )
    elif isinstance(failure, UnknownRefusal):
        sentence = "The provider refuses to renew the access token, in words that we do not know."
    elif isinstance(failure, UnreadableAnswer):
        sentence = "The provider answered without a token. We keep trying."
    else:
        sentence = "The provider did not renew the access token. We keep trying."
    return sentence


def not_connected(connection: Connection, *, is_gone: bool) -> str:
    if is_gone:
        return f"The connection “{connection.name}” was deleted."
    return f"The connection “{connection.name}” is not connected. Open it and press Connect."


def dead(connection: Connection) -> str:
    why = connection.explanation or UNRENEWABLE
    return f"The connection “{connection.name}” must be reconnected. {why}"


def rejected_for_good(connection: Connection) -> str:
    return (
        f"The API refuses the access token of “{connection.name}”, and the provider gave no refresh token to "
        "renew it with. Check that the request goes to the right API; if it does, reconnect the connection."
    )


def misconfigured(connection: Connection) -> str:
    return f"The connection “{connection.name}” needs its settings mended. {connection.explanation}"


def unavailable(connection: Connection) -> str:
    return (
        f"The connection “{connection.name}” cannot be renewed for the moment. {connection.explanation}"
    ).rstrip()


def server_in_trouble(connection: Connection) -> str:
    return (
        f"The connection “{connection.name}” cannot be renewed for the moment: {connection.host} is out of "
        "order, or has asked to be left alone for a while. It goes on by itself."
    )


def underway(connection: Connection) -> str:
    return (
        f"The connection “{connection.name}” is being renewed right now, and the provider takes its time. "
        "Try again in half a minute."
    )


def undecryptable(connection: Connection) -> str:
    return (
        f"The secrets of the connection “{connection.name}” cannot be decrypted. Whoever hosts this has to "
        "put the key back that they were encrypted with (ENCRYPTION_KEYS); or reconnect the connection."
    )
