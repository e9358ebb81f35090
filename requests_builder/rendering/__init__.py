"""What a person typed, turned into the one HTTP request that will be sent.

A message is a value: this package builds it and nothing here sends it. `render` makes the whole request;
a run that pages renders without authorization, keeps that in its checkpoint, and calls `authorize` just
before each call, so that no checkpoint ever holds a credential.

asking         what is asked: method, URL and headers, each checked
bodies         the body, with its media type
authorizing    how a credential is added, and taken out again
drafts         what keeps a body from being sent, said while it is typed
messages       what was typed, and what will be sent
credentials    how a request may prove who sends it
addresses      URLs and their queries
wire           what can go over the wire
problems       what is wrong, in sentences
"""

from .addresses import URL_SAFE, ascii_url, parameters_of, url_with_parameters
from .asking import MAX_URL_LENGTH, render
from .authorizing import authorize, secrets_of, without_authorization
from .bodies import objection_to_json, objection_to_xml, safe_filename
from .credentials import ApiKey, Authorization, Basic, Bearer, Granted, NoAuthorization, Place
from .drafts import Draft, objection_to_draft
from .messages import BodyKind, BodyPart, RenderedRequest, RequestTemplate, Upload
from .problems import InvalidRequest, Problem
from .wire import DEFAULT_HEADERS, OWN_HEADERS

__all__ = [
    "DEFAULT_HEADERS",
    "MAX_URL_LENGTH",
    "OWN_HEADERS",
    "URL_SAFE",
    "ApiKey",
    "Authorization",
    "Basic",
    "Bearer",
    "BodyKind",
    "BodyPart",
    "Draft",
    "Granted",
    "InvalidRequest",
    "NoAuthorization",
    "Place",
    "Problem",
    "RenderedRequest",
    "RequestTemplate",
    "Upload",
    "ascii_url",
    "authorize",
    "objection_to_draft",
    "objection_to_json",
    "objection_to_xml",
    "parameters_of",
    "render",
    "safe_filename",
    "secrets_of",
    "url_with_parameters",
    "without_authorization",
]
