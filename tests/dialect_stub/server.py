"""The server: one provider's endpoints, its grants and tokens, and what it says when they are dead."""

import hashlib
import hmac
import html
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from django.conf import settings

from connections import providers
from connections.oauth2.dialect import BodyStyle, Meaning, RefreshKind
from connections.providers.catalogue import read_catalogue
from demo_api.listener import Listener
from demo_api.messages import HTML, JSON, Answer, Request, json_answer

from .entries import moved_catalogue
from .expected import Expected, authorization_parameters, filled
from .shapes import Shapes
from .words import answer_meaning, placed

# With signs that Basic has to encode, and a form, too.
CLIENT_ID, CLIENT_SECRET = "stub:client+1", "s%cret/&: 1"
# What answers a GET with any living token, beside the entry's own address for that.
API_PATH = "/_api"


@dataclass
class Grant:
    """What somebody has consented to."""

    redirect_uri: str
    challenge: str = ""
    method: str = ""
    is_alive: bool = True
    refresh_tokens: list[str] = field(default_factory=list)
    access_tokens: list[str] = field(default_factory=list)


class DialectStub:
    """A provider of the catalogue on this machine: `with DialectStub("google") as stub: ...`.

    `values` are its placeholders as the connection has them, `home` those that the callback tells, where it
    tells any. Inside the block the catalogue of this process has the moved entry, if it is to join it.
    """

    def __init__(
        self,
        slug: str,
        *,
        address: str = "127.0.0.1",
        scopes: str = "one two",
        values: Mapping[str, str] | None = None,
        home: Mapping[str, str] | None = None,
        rotates: bool = True,
        error_status: int = 400,
        product_url: str = "",
        joins_catalogue: bool = True,
    ) -> None:
        self.slug, self.scopes, self.rotates = slug, scopes, rotates
        self.error_status = error_status
        self.redirect_uri = f"{product_url or settings.BASE_URL}/oauth/callback"
        self.problems: list[str] = []
        self.log: list[tuple[str, Request]] = []
        # What the next requests for tokens get instead of an answer.
        self.answers: list[Answer] = []
        self._joins_catalogue = joins_catalogue
        self._lock = threading.RLock()
        self._grants: list[Grant] = []
        self._codes: dict[str, Grant] = {}
        self._waiting: dict[str, tuple[Grant, str]] = {}
        self._expired: set[str] = set()
        self._issued = 0
        self._listener = Listener(address, 0, self._respond, lambda: datetime.now(UTC))
        self.base = f"http://{address}:{self._listener.port}"
        self.catalogue = moved_catalogue((slug, self.base))
        entry = read_catalogue(self.catalogue)[slug]
        usual = {place.name: place.default or place.example for place in entry.placeholders}
        self.values = {**usual, **(values or {})}
        self.home = {**self.values, **(home or {})}
        self.provider = entry
        self.start, self.there = entry.filled(self.values), entry.filled(self.home)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        if self._joins_catalogue:
            providers.add(self.catalogue)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.close_connections()
        self._listener.server_close()
        if self._joins_catalogue:
            providers.add("")

    # Turn ---------------------------------------------------------------------------------------------

    @property
    def allow(self) -> str:
        """The entry of OUTBOUND_ALLOW that lets the product in."""
        return self.base.removeprefix("http://")

    @property
    def test_url(self) -> str:
        """The call that any token may make, with what answers and callbacks have told in it."""
        return filled(self.there.test_url, self._places())

    def expire(self) -> None:
        """Let the access tokens that there are run out."""
        with self._lock:
            self._expired |= {token for grant in self._grants for token in grant.access_tokens}

    def kill(self) -> None:
        """End all grants, as people and administrators do."""
        with self._lock:
            for grant in self._grants:
                grant.is_alive = False

    def kinds(self) -> list[str]:
        """What was asked for, in this order; refused requests have a question mark."""
        with self._lock:
            return [kind for kind, _ in self.log]

    def is_alive(self, token: str) -> bool:
        """Whether an API call with this token would be answered."""
        with self._lock:
            grant = self._grant_of(token)
            return grant is not None and grant.is_alive and token not in self._expired

    def consent(self, url: str, *, is_allowed: bool = True) -> str:
        """Look at the page and press a button, without a browser; the callback URL."""
        # A script in the page reads a route in the fragment.
        page = requests.get(url.replace("/#/", "/"), timeout=10, allow_redirects=False)
        if page.status_code != 200:
            raise AssertionError(f"{self.slug}: {self.problems}")
        flow = page.headers["X-Flow"]
        answer = "allow" if is_allowed else "deny"
        back = requests.get(f"{self.base}/_consent/{flow}/{answer}", timeout=10, allow_redirects=False)
        return back.headers["Location"]

    # The endpoints ------------------------------------------------------------------------------------

    def _respond(self, request: Request) -> Answer:
        with self._lock:
            if request.path == "/favicon.ico":
                return json_answer(404, {})
            if request.path.startswith("/_consent/"):
                return self._consented(*request.path.split("/")[2:4])
            if request.path == urlsplit(self.start.authorization_url.replace("/#/", "/")).path:
                return self._authorize(request)
            if request.path in (API_PATH, urlsplit(self.test_url).path):
                return self._api(request)
            return self._token_endpoints(request)

    def _authorize(self, request: Request) -> Answer:
        dialect = self.start.dialect
        query = self._query(self.start.authorization_url)
        parameters = authorization_parameters(
            dialect,
            client_id=CLIENT_ID,
            redirect_uri=self.redirect_uri,
            scopes=self.scopes,
            places=self._places(),
        )
        expected = Expected("authorize", "GET", request.path, BodyStyle.QUERY, parameters)
        if problems := expected.problems(request, query):
            return self._refused("authorize", request, problems)
        self.log.append(("authorize", request))
        said = request.query
        grant = Grant(
            self.redirect_uri, said.get("code_challenge", ""), said.get("code_challenge_method", "")
        )
        flow = str(len(self._waiting) + 1)
        self._waiting[flow] = (grant, said["state"])
        page = (
            f"<!doctype html><title>{html.escape(self.provider.title)}</title><h1>Allow access?</h1>"
            f'<p><a href="/_consent/{flow}/allow">Allow</a> <a href="/_consent/{flow}/deny">Deny</a></p>'
        )
        return Answer(200, page.encode(), HTML, {"X-Flow": flow})

    def _consented(self, flow: str, answer: str) -> Answer:
        grant, state = self._waiting.pop(flow)
        said = {"state": state}
        if answer == "deny":
            said |= {"error": "access_denied"}
        else:
            code = f"code-{len(self._codes) + 1}*%/+"
            self._codes[code] = grant
            said |= {self.start.dialect.code_parameter: code, **self._told_by_callback()}
        location = f"{self.redirect_uri}?{urlencode(said)}"
        return Answer(303, b"", HTML, {"Location": location, "Cache-Control": "no-store"})

    def _told_by_callback(self) -> dict[str, str]:
        dialect = self.start.dialect
        said = {name: f"{name}-1" for name in dialect.callback_parameters}
        if dialect.quirk == "shopify":
            said |= {"shop": self.allow, "timestamp": "1763900000"}
            pairs = sorted({**said, **self._signed()}.items())
            signed = "&".join(f"{name}={value.replace('%', '%25')}" for name, value in pairs)
            said["hmac"] = hmac.new(CLIENT_SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        for parameter, name in dialect.callback_placeholders.items():
            place = next(each for each in self.provider.placeholders if each.name == name)
            spelled = {value: alias for alias, value in place.aliases.items()}
            said[parameter] = spelled.get(self.home[name], self.home[name])
        return said

    def _signed(self) -> dict[str, str]:
        """What Shopify signs besides: the code and the state of the flow that is answered."""
        state = next(reversed(self._states)) if self._states else ""
        return {"code": next(reversed(self._codes)), "state": state}

    @property
    def _states(self) -> list[str]:
        return [request.query["state"] for kind, request in self.log if kind == "authorize"]

    def _token_endpoints(self, request: Request) -> Answer:
        """Several kinds of request may share an address: the one that it strays from least is meant."""
        told = [(each, each.problems(request, self._query_at(request.path))) for each in self._shapes.all()]
        candidates = sorted(
            ((each, problems) for each, problems in told if each.path == request.path),
            key=lambda pair: len(pair[1]),
        )
        if not candidates:
            return self._refused("", request, [f"there is nothing at {request.path}"])
        expected, problems = candidates[0]
        if problems and self._is_unauthenticated(request):
            # An honest guess, which a server answers so that another can be made.
            self.log.append((f"{expected.kind}?", request))
            return json_answer(401, {"error": "invalid_client"})
        if problems:
            return self._refused(expected.kind, request, problems)
        self.log.append((expected.kind, request))
        if self.answers and expected.kind != "revoke":
            return self.answers.pop(0)
        return self._handled(expected, request)

    def _handled(self, expected: Expected, request: Request) -> Answer:
        values = expected.values(request)
        if expected.kind == "exchange":
            return self._exchange(values)
        if expected.kind == "refresh":
            return self._refresh(values)
        if expected.kind == "client":
            self._grants.append(Grant(""))
            return self._tokens(self._grants[-1])
        token = self._token_in(request, values)
        grant = self._grant_of(token)
        if expected.kind == "revoke":
            # Who names an account in the place of a token ends all that it has granted.
            for each in self._grants if grant is None else [grant]:
                each.is_alive = False
            return json_answer(200, {})
        if grant is None or not grant.is_alive or token in self._expired:
            return self._dead()
        return self._tokens(grant)

    def _exchange(self, values: Mapping[str, str]) -> Answer:
        code_name = self.there.dialect.renamed.get("code") or "code"
        grant = self._codes.pop(values.get(code_name, ""), None)
        if grant is None:
            return json_answer(400, {"error": "invalid_grant", "error_description": "unknown or used code"})
        verifier = values.get("code_verifier", "")
        digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if grant.challenge and grant.challenge != (digest if grant.method == "S256" else verifier):
            self.problems.append("the code_verifier does not fit the code_challenge")
            return json_answer(400, {"error": "invalid_grant"})
        self._grants.append(grant)
        return self._tokens(grant, is_first=True)

    def _refresh(self, values: Mapping[str, str]) -> Answer:
        name = self.there.dialect.renamed.get("refresh_token") or "refresh_token"
        grant = next((each for each in self._grants if values[name] in each.refresh_tokens), None)
        if grant is None or not grant.is_alive:
            return self._dead()
        if self.rotates and values[name] != grant.refresh_tokens[-1]:
            grant.is_alive = False
            self.problems.append("a refresh token was used twice")
            return self._dead()
        return self._tokens(grant)

    def _tokens(self, grant: Grant, *, is_first: bool = False) -> Answer:
        dialect = self.there.dialect
        self._issued += 1
        grant.access_tokens.append(f"access-{self.slug}-{self._issued}")
        members: dict[str, Any] = {"access_token": grant.access_tokens[-1], "token_type": "Bearer"}
        if dialect.default_life is None and dialect.refresh_kind is not RefreshKind.NONE:
            members["expires_in"] = 3600
        if dialect.refresh_kind is RefreshKind.STANDARD:
            if self.rotates or not grant.refresh_tokens:
                grant.refresh_tokens.append(f"refresh-{self.slug}-{self._issued}")
            members["refresh_token"] = grant.refresh_tokens[-1]
        members = {dialect.answer_members.get(name, name): value for name, value in members.items()}
        path = dialect.token_paths[-1 if is_first else 0]
        told = {name: self._told(name) for name in (*dialect.kept, *dialect.account_members)}
        document = placed({f"{path}.{name}" if path else name: value for name, value in members.items()})
        for name, value in told.items():
            document = _joined(document, placed({name: value}))
        return json_answer(200, document)

    def _told(self, name: str) -> str:
        """A member that steers API calls leads back here."""
        is_address = any(part in name for part in ("url", "domain", "server"))
        return self.base if is_address else f"{name.rpartition('.')[2]}-1"

    def _api(self, request: Request) -> Answer:
        dialect = self.there.dialect
        name, _, template = dialect.api_authorization.lstrip("?").partition(
            "=" if dialect.api_authorization.startswith("?") else ":"
        )
        in_query = dialect.api_authorization.startswith("?")
        carried = request.query.get(name, "") if in_query else request.headers.get(name.lower(), "")
        before, _, after = template.strip().partition("{access_token}")
        token = carried.removeprefix(before).removesuffix(after)
        problems = [] if carried == f"{before}{token}{after}" and token else [f"no token in {name}"]
        for header, value in dialect.api_headers.items():
            if request.headers.get(header.lower()) != filled(value, self._places()):
                problems.append(f"header {header} is not as it should be")
        if problems:
            return self._refused("api", request, problems)
        self.log.append(("api", request))
        if not self.is_alive(token):
            fallback = Answer(401, b'{"error": "invalid_token"}', JSON)
            return answer_meaning(dialect, Meaning.EXPIRED, fallback=fallback)
        return json_answer(200, {"ok": True, "email": "dana@example.org"})

    @property
    def _shapes(self) -> Shapes:
        client = (CLIENT_ID, CLIENT_SECRET)
        return Shapes(self.there, client, self.redirect_uri, self.scopes, self._places())

    def _is_unauthenticated(self, request: Request) -> bool:
        """Whether the client may still be finding out how it has to prove itself."""
        is_told = self.there.dialect.client_authentication != "auto"
        return not is_told and not request.headers.get("authorization", "").startswith("Basic ")

    # Places and tokens --------------------------------------------------------------------------------

    def _places(self) -> dict[str, str]:
        dialect = self.start.dialect
        said = {name: f"{name}-1" for name in dialect.callback_parameters}
        told = {name: self._told(name) for name in dialect.kept}
        return {
            **told,
            **said,
            **self.home,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": self.redirect_uri,
            "scope": dialect.scope_separator.join(self.scopes.split()),
        }

    def _query(self, url: str) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(url).query))

    def _query_at(self, path: str) -> dict[str, str]:
        urls = (self.there.token_url, self.there.dialect.refresh_url, self.there.revocation_url)
        return next((self._query(url) for url in urls if urlsplit(url).path == path), {})

    def _token_in(self, request: Request, values: Mapping[str, str]) -> str:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        carried = [bearer, *values.values()]
        return next((text for text in carried if self._grant_of(text) is not None), "")

    def _grant_of(self, token: str) -> Grant | None:
        return next(
            (each for each in self._grants if token in (*each.access_tokens, *each.refresh_tokens)), None
        )

    def _dead(self) -> Answer:
        fallback = Answer(self.error_status, b'{"error": "invalid_grant"}', JSON)
        return answer_meaning(self.there.dialect, Meaning.DEAD, fallback=fallback)

    def _refused(self, kind: str, request: Request, problems: list[str]) -> Answer:
        self.problems += [f"{kind}: {problem}" for problem in problems]
        self.log.append((f"{kind}?", request))
        return json_answer(400, {"error": "invalid_request", "error_description": "; ".join(problems)})


def _joined(first: Any, second: Any) -> Any:
    """Two documents as one; where both say something, the first counts."""
    if isinstance(first, dict) and isinstance(second, dict):
        whole = {**second, **first}
        return whole | {name: _joined(first[name], second[name]) for name in first.keys() & second.keys()}
    return first
