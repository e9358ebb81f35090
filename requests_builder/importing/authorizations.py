"""What a description of authorization comes to, whichever file describes it."""

from dataclasses import dataclass

from requests_builder.rendering import Authorization

from .drafts import NO_AUTHORIZATION, Pair


@dataclass(frozen=True, slots=True)
class Found:
    """What a description of authorization comes to."""

    authorization: Authorization = NO_AUTHORIZATION
    wants_connection: bool = False
    notes: tuple[str, ...] = ()
    # What the API wants besides.
    headers: tuple[Pair, ...] = ()
    parameters: tuple[Pair, ...] = ()


NOTHING = Found()


def oauth_note(authorization_url: str, token_url: str, scopes: str) -> str:
    """What a person needs to know to choose, or to make, the connection."""
    facts = [
        f"{name} {value}"
        for name, value in (
            ("Authorization Base URL", authorization_url),
            ("Token URL", token_url),
            ("Scopes", scopes),
        )
        if value
    ]
    told = f" The file says: {'; '.join(facts)}." if facts else ""
    return f"It wants an access token: choose a connection under Authorization → OAuth, or make one.{told}"
