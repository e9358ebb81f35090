"""How a credential is added to a request, taken out of it again, and kept from being shown."""

import base64
from typing import Never

from .credentials import ApiKey, Authorization, Basic, Bearer, Granted, NoAuthorization, Place
from .messages import RenderedRequest
from .problems import InvalidRequest, Problem
from .wire import DEFAULT_HEADERS, MAX_HEADER_LENGTH, OWN_HEADERS, TOKEN, is_control, is_encodable


def authorize(request: RenderedRequest, authorization: Authorization) -> RenderedRequest:
    """The same request with the credential added. Raises InvalidRequest if it cannot be sent."""
    own_header = request.header("Authorization") is not None
    # A key or token of another name may go beside it: some APIs want both.
    is_apart = (
        isinstance(authorization, ApiKey | Granted) and authorization.name.strip().lower() != "authorization"
    )
    if own_header and not is_apart and not isinstance(authorization, NoAuthorization):
        _refuse(
            "Headers already has an Authorization header. Remove it, or choose None under Authorization: "
            "only one of the two can be sent."
        )
    match authorization:
        case NoAuthorization():
            return request
        case Bearer():
            return _with_bearer(request, authorization)
        case Basic():
            return request.with_header("Authorization", _basic(authorization))
        case ApiKey():
            return _with_api_key(request, authorization)
        case Granted():
            return _with_grant(request, authorization)


def without_authorization(request: RenderedRequest, authorization: Authorization) -> RenderedRequest:
    """The same request without the credential, for a checkpoint: next links often echo an API key."""
    match authorization:
        case NoAuthorization():
            return request
        case Bearer(header=header):
            return request.without_header(header)
        case Basic():
            return request.without_header("Authorization")
        case ApiKey(place=Place.QUERY, name=name) | Granted(place=Place.QUERY, name=name):
            return request.without_parameter(name.strip())
        case ApiKey(name=name) | Granted(name=name):
            return request.without_header(name.strip())


def secrets_of(authorization: Authorization) -> tuple[str, ...]:
    """What must never be shown, for `masked`."""
    match authorization:
        case NoAuthorization():
            return ()
        case Bearer():
            return (_bare_token(authorization),)
        case Basic(password=password):
            return (password, _basic(authorization).partition(" ")[2])
        case ApiKey(value=value):
            return (value.strip(),)
        case Granted(secrets=secrets):
            return secrets


def _bare_token(bearer: Bearer) -> str:
    """The token without the scheme's word, which people paste along with it."""
    token = bearer.token.strip()
    word, _, rest = token.partition(" ")
    return rest.strip() if bearer.scheme and word.lower() == bearer.scheme.lower() else token


def _with_bearer(request: RenderedRequest, bearer: Bearer) -> RenderedRequest:
    token = _bare_token(bearer)
    if not token:
        _refuse("The bearer token is empty.")
    value = f"{bearer.scheme} {token}".strip()
    _check_credential_header(bearer.header, value, "The bearer token")
    return request.with_header(bearer.header, value)


def _basic(basic: Basic) -> str:
    credentials = f"{basic.username}:{basic.password}"
    if ":" in basic.username:
        _refuse("A user name for Basic authorization cannot contain a colon (RFC 7617).")
    if credentials == ":":
        _refuse("User name and password are empty.")
    if any(is_control(character) for character in credentials):
        _refuse("User name and password cannot contain line breaks or control characters.")
    _check_encodable(credentials)
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def _with_api_key(request: RenderedRequest, key: ApiKey) -> RenderedRequest:
    name, value = key.name.strip(), key.value.strip()
    if not name:
        _refuse("The API key has no name: give the header or parameter that the API asks for.")
    if not value:
        _refuse("The API key is empty.")
    if key.place == Place.QUERY:
        _check_encodable(name + value)
        return request.with_parameter(name, value)
    if request.header(name) is not None:
        _refuse(f"Headers already has “{name[:60]}”, which is also the name of the API key. Remove one.")
    _check_credential_header(name, value, "The API key")
    return request.with_header(name, value)


def _with_grant(request: RenderedRequest, grant: Granted) -> RenderedRequest:
    for name, value in grant.headers:
        _check_credential_header(name, value, f"The header {name} of the connection")
        # What `render` puts in where nothing was typed is not the request's own.
        if request.header(name) in (None, DEFAULT_HEADERS.get(name.lower())):
            request = request.with_header(name, value)
    if grant.place == Place.QUERY:
        _check_encodable(grant.value)
        return request.with_parameter(grant.name, grant.value)
    if request.header(grant.name) is not None:
        _refuse(
            f"Headers already has “{grant.name[:60]}”, which carries the token of the connection. Remove it."
        )
    _check_credential_header(grant.name, grant.value, "The access token")
    return request.with_header(grant.name, grant.value)


def _refuse(sentence: str) -> Never:
    raise InvalidRequest([Problem("authorization", sentence)])


def _check_credential_header(name: str, value: str, what: str) -> None:
    if not TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS:
        _refuse(f"“{name[:60]}” cannot be the name of the header that carries a credential.")
    if not value.isascii() or any(is_control(character) for character in value):
        _refuse(f"{what} contains a line break or a character that a header cannot carry. Copy it again.")
    if len(value) > MAX_HEADER_LENGTH:
        _refuse(f"{what} is longer than {MAX_HEADER_LENGTH:,} characters.")


def _check_encodable(text: str) -> None:
    if not is_encodable(text):
        _refuse("The credential contains a character that cannot be encoded as UTF-8.")
