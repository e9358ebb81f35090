"""PURE. Every address of the demo: request in, answer out."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from demo_api import pages
from demo_api.authorization import ACCOUNT, AuthorizationServer, Redirect
from demo_api.data import Orders, contact
from demo_api.faults import Knobs
from demo_api.messages import FORM, NO_STORE, Answer, Request, json_answer, redirect
from demo_api.policy import AccessDenied, InvalidClient, NotRedirectable, OAuthError

API_KEY = "demo-key"
BASIC_USERNAME, BASIC_PASSWORD = "demo", "demo"
PER_PAGE, MOST_PER_PAGE = 25, 500


@dataclass(slots=True)
class Site:
    """What the endpoints answer from."""

    authorization: AuthorizationServer
    orders: Orders
    knobs: Knobs
    connection_form: pages.ConnectionForm

    @property
    def url(self) -> str:
        return self.authorization.issuer


class BadRequest(Exception):
    """The API cannot make sense of a parameter."""


Endpoint = Callable[[Site, Request, datetime], Answer]


def answer(site: Site, request: Request, now: datetime) -> Answer:
    """The answer to any request; refusals are answers too."""
    methods = ENDPOINTS.get(request.path)
    if methods is None:
        return json_answer(404, {"error": "not_found", "error_description": f"There is no {request.path}."})
    endpoint = methods.get("GET" if request.method == "HEAD" else request.method) or methods.get("*")
    if endpoint is None:
        allowed = ", ".join(methods)
        document = {"error": "method_not_allowed", "error_description": f"Allowed here: {allowed}."}
        return json_answer(405, document, {"Allow": allowed})
    try:
        return endpoint(site, request, now)
    except AccessDenied as refusal:
        document = {"error": refusal.error or "unauthorized", "error_description": str(refusal)}
        return json_answer(refusal.status, document, {"WWW-Authenticate": refusal.challenge})
    except BadRequest as problem:
        return json_answer(400, {"error": "bad_request", "error_description": str(problem)})


def page_number(request: Request) -> int:
    """Which page of a list is asked for, counted from 1, however the list is paginated."""
    query = request.query
    try:
        if request.path == "/api/orders":
            return int(query.get("after", 0)) // int(query.get("per_page", PER_PAGE)) + 1
        return int(query.get("page", 1))
    except (ValueError, ZeroDivisionError):
        return 1


# Pages


def home(site: Site, request: Request, now: datetime) -> Answer:
    lifetime = site.authorization.policy.access_token_lifetime
    return _page(site, 200, pages.home(site.url, site.connection_form, lifetime))


def _page(site: Site, status: int, html: str) -> Answer:
    headers = dict(pages.HEADERS)
    if site.knobs.coop:
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return Answer(status, html.encode(), "text/html; charset=utf-8", headers)


def health(site: Site, request: Request, now: datetime) -> Answer:
    return Answer(200, b"ok", "text/plain; charset=utf-8", NO_STORE)


# The authorization server


def authorize(site: Site, request: Request, now: datetime) -> Answer:
    try:
        outcome = site.authorization.authorize(request.query_pairs, now)
    except NotRedirectable as problem:
        return _page(site, 400, pages.refusal(str(problem)))
    if isinstance(outcome, Redirect):
        return redirect(outcome.url)
    return _page(site, 200, pages.consent(outcome, ACCOUNT))


def decide(site: Site, request: Request, now: datetime) -> Answer:
    form = request.form
    try:
        is_allowed = form.get("decision") == "allow"
        outcome = site.authorization.decide(form.get("transaction", ""), is_allowed=is_allowed, now=now)
    except NotRedirectable as problem:
        return _page(site, 400, pages.refusal(str(problem)))
    return redirect(outcome.url)


def token(site: Site, request: Request, now: datetime) -> Answer:
    try:
        _check_form(request)
        tokens = site.authorization.token(request.form_pairs, request.headers.get("authorization", ""), now)
    except OAuthError as refusal:
        return _refusal(refusal)
    return _token_answer(site.knobs, tokens.as_document())


def revoke(site: Site, request: Request, now: datetime) -> Answer:
    try:
        _check_form(request)
        site.authorization.revoke(request.form_pairs, request.headers.get("authorization", ""))
    except OAuthError as refusal:
        return _refusal(refusal)
    return Answer(200, headers=NO_STORE)


def userinfo(site: Site, request: Request, now: datetime) -> Answer:
    site.authorization.grants.check_access(request.headers.get("authorization", ""), "profile", now)
    return json_answer(200, {"sub": ACCOUNT.subject, "name": ACCOUNT.name, "email": ACCOUNT.email})


def metadata(site: Site, request: Request, now: datetime) -> Answer:
    return json_answer(200, site.authorization.metadata())


def _check_form(request: Request) -> None:
    """RFC 6749 §3.2 and §2.3.1: parameters come as a form, and never in the URL."""
    if request.media_type != FORM:
        raise OAuthError("invalid_request", f"The body must be {FORM}.")
    if request.query.keys() & {"client_secret", "code", "refresh_token", "token"}:
        raise OAuthError("invalid_request", "Credentials must not be in the URL.")


def _refusal(refusal: OAuthError) -> Answer:
    document = {"error": refusal.error, "error_description": refusal.description}
    challenge = {"WWW-Authenticate": 'Basic realm="demo"'} if isinstance(refusal, InvalidClient) else {}
    return json_answer(refusal.status, document, challenge)


def _token_answer(knobs: Knobs, document: dict[str, object]) -> Answer:
    """The answer, spelled as the knobs want it: servers differ."""
    document = {name: value for name, value in document.items() if name not in knobs.token_answer_without}
    document |= knobs.token_answer_with
    plain = json_answer(200, document)
    if knobs.token_answer_is_form:
        form = urlencode({name: str(value) for name, value in document.items()})
        plain = replace(plain, body=form.encode(), content_type=FORM)
    return replace(plain, content_type=knobs.token_answer_content_type or plain.content_type)


# The API


def contacts(site: Site, request: Request, now: datetime) -> Answer:
    site.authorization.grants.check_access(request.headers.get("authorization", ""), "contacts.read", now)
    return _contacts_page(site, request)


def open_contacts(site: Site, request: Request, now: datetime) -> Answer:
    return _contacts_page(site, request)


def api_key_contacts(site: Site, request: Request, now: datetime) -> Answer:
    if not hmac.compare_digest(request.headers.get("x-api-key", "").encode(), API_KEY.encode()):
        document = {"error": "unauthorized", "error_description": "The header X-Api-Key is missing or wrong."}
        return json_answer(401, document)
    return _contacts_page(site, request)


def basic_contacts(site: Site, request: Request, now: datetime) -> Answer:
    expected = "Basic " + base64.b64encode(f"{BASIC_USERNAME}:{BASIC_PASSWORD}".encode()).decode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        document = {
            "error": "unauthorized",
            "error_description": "User name or password are missing or wrong.",
        }
        return json_answer(401, document, {"WWW-Authenticate": 'Basic realm="demo", charset="UTF-8"'})
    return _contacts_page(site, request)


def _contacts_page(site: Site, request: Request) -> Answer:
    page, per_page = _number(request, "page", 1), _number(request, "per_page", PER_PAGE, MOST_PER_PAGE)
    total = site.knobs.contacts
    first = (page - 1) * per_page + 1
    data = [contact(number) for number in range(first, min(first + per_page, total + 1))]
    meta = {"page": page, "per_page": per_page, "total": total, "total_pages": -(-total // per_page)}
    return json_answer(200, {"data": data, "meta": meta})


def orders(site: Site, request: Request, now: datetime) -> Answer:
    site.authorization.grants.check_access(request.headers.get("authorization", ""), "orders.read", now)
    after = _number(request, "after", 0, least=0)
    per_page = _number(request, "per_page", PER_PAGE, MOST_PER_PAGE)
    total = site.orders.count(now)
    last = min(after + per_page, total)
    data = [site.orders.order(number) for number in range(after + 1, last + 1)]
    # From where this page ended, not by page number: orders that come meanwhile move nothing.
    following = f"{site.url}/api/orders?{urlencode({'per_page': per_page, 'after': last})}"
    return json_answer(200, {"data": data, "links": {"next": following if last < total else None}})


def echo(site: Site, request: Request, now: datetime) -> Answer:
    document = {
        "method": request.method,
        "path": request.path,
        "query": [list(pair) for pair in request.query_pairs],
        "headers": dict(request.headers),
        "body": request.body.decode("utf-8", "replace"),
    }
    return json_answer(200, document)


def html(site: Site, request: Request, now: datetime) -> Answer:
    return _page(site, 200, pages.not_data())


def _number(request: Request, name: str, default: int, most: int = 10**9, *, least: int = 1) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most):
        raise BadRequest(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


ENDPOINTS: dict[str, dict[str, Endpoint]] = {
    "/": {"GET": home},
    "/healthz": {"GET": health},
    "/.well-known/oauth-authorization-server": {"GET": metadata},
    "/.well-known/openid-configuration": {"GET": metadata},
    "/oauth/authorize": {"GET": authorize},
    "/oauth/decision": {"POST": decide},
    "/oauth/token": {"POST": token},
    "/oauth/revoke": {"POST": revoke},
    "/oauth/userinfo": {"GET": userinfo, "POST": userinfo},
    "/api/contacts": {"GET": contacts},
    "/api/orders": {"GET": orders},
    "/api/open/contacts": {"GET": open_contacts},
    "/api/key": {"GET": api_key_contacts},
    "/api/basic": {"GET": basic_contacts},
    "/api/echo": {"*": echo},
    "/api/html": {"GET": html},
}
