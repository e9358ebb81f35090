"""A saved request before its variables are filled in: the template of its message, and its credential."""

from requests_builder import rendering
from requests_builder.models import AuthorizationKind, BodyKind, SavedRequest


def template_of(saved_request: SavedRequest, *, has_files: bool = True) -> rendering.RequestTemplate:
    """The request as typed, without its credential. Raises InvalidRequest and DecryptionFailed.

    `has_files`: with the contents of the files that its body carries; without them, neither is raised.
    """
    rows = saved_request.body_pairs
    if saved_request.body_kind not in (BodyKind.FORM, BodyKind.MULTIPART):
        rows = []
    elif not has_files:
        rows = [{name: value for name, value in row.items() if name != "file"} for row in rows]
    return rendering.RequestTemplate(
        method=saved_request.method,
        url=saved_request.url,
        headers=tuple((str(name), str(value)) for name, value in saved_request.headers),
        body_kind=rendering.BodyKind(saved_request.body_kind),
        body=saved_request.body,
        body_parts=saved_request.parts_of(rows),
        graphql_variables=saved_request.graphql_variables,
        body_media_type=saved_request.body_media_type,
    )


def typed_authorization(saved_request: SavedRequest) -> rendering.Authorization:
    """The credential that was typed in. Raises DecryptionFailed."""
    match saved_request.authorization_kind:
        case AuthorizationKind.BEARER:
            return rendering.Bearer(saved_request.secret or "")
        case AuthorizationKind.BASIC:
            return rendering.Basic(saved_request.username, saved_request.secret or "")
        case AuthorizationKind.API_KEY:
            place = rendering.Place(saved_request.api_key_place)
            return rendering.ApiKey(place, saved_request.api_key_name, saved_request.secret or "")
        case _:
            return rendering.NoAuthorization()
