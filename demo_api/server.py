"""The demo as a running server: threads and the clock around the endpoints, and what tests turn and read."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo_api import endpoints, storage
from demo_api.authorization import AuthorizationServer
from demo_api.clients import Client
from demo_api.consent import give_consent
from demo_api.control import Control
from demo_api.data import Orders
from demo_api.faults import Fault, Faults, Holds, Knobs
from demo_api.grants import Grants, Tokens
from demo_api.listener import Listener
from demo_api.messages import JSON, Answer, Request
from demo_api.pages import ConnectionForm
from demo_api.policy import SCOPES, Policy

CLIENT_ID = "demo-crm-4f81c2"
CLIENT_SECRET = "sk_demo_7Qm2xW9tKc5bRzHn"  # noqa: S105 - no secret: the home page shows it
CLIENT_NAME = "API Connector"
CONNECTION_NAME = "Demo CRM"
TOKEN_PATH, REVOCATION_PATH = "/oauth/token", "/oauth/revoke"
POLL_SECONDS = 0.02


class DemoServer:
    """A demo server in threads of this process: `with DemoServer() as provider: ...`.

    Port 0 takes a free one, and keeps it over stop() and start(). New orders come only with an
    `order_interval`. Everything under "turn" may be called while requests are under way.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        product_url: str = "http://localhost:8000",
        public_url: str = "",
        policy: Policy | None = None,
        order_interval: timedelta | None = None,
        state: Path | None = None,
        records_requests: bool = True,
        has_control: bool = False,
    ) -> None:
        self.host, self.port = host, port
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET
        self.redirect_uri = f"{product_url.rstrip('/')}/oauth/callback"
        self.policy = policy or Policy()
        self.knobs = Knobs()
        self._public_url = public_url.rstrip("/")
        self._state = state
        self._records_requests = records_requests
        self._control = Control(self) if has_control else None
        self._faults, self._holds = Faults(), Holds()
        self._requests: list[Request] = []
        self._requests_lock, self._site_lock = threading.Lock(), threading.Lock()
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

        client = Client(CLIENT_ID, CLIENT_SECRET, CLIENT_NAME, (self.redirect_uri,))
        authorization = AuthorizationServer(self._public_url, [client], self.policy)
        opened_at = storage.load(state, authorization.grants) if state else None
        self._site = endpoints.Site(
            authorization=authorization,
            orders=Orders(opened_at or datetime.now(UTC), order_interval),
            knobs=self.knobs,
            connection_form=ConnectionForm(
                CONNECTION_NAME, CLIENT_ID, CLIENT_SECRET, " ".join(SCOPES), self.redirect_uri
            ),
        )

    # Start and stop

    def start(self) -> None:
        """Listen; returns when the first request would be answered."""
        self._listener = Listener(self.host, self.port, self._respond, self._now)
        self.port = self._listener.port
        self._site.authorization.issuer = self.url
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(POLL_SECONDS,), name="demo-api", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody and free the port; grants and tokens stay."""
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.close_connections()
        self._holds.release()
        self._thread.join()
        self._listener = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Where things are

    @property
    def url(self) -> str:
        """The origin as clients see it, which is the issuer as well."""
        return self._public_url or f"http://{self.host}:{self.port}"

    @property
    def authorization_url(self) -> str:
        return f"{self.url}/oauth/authorize"

    @property
    def token_url(self) -> str:
        return self.url + TOKEN_PATH

    @property
    def revocation_url(self) -> str:
        return self.url + REVOCATION_PATH

    @property
    def userinfo_url(self) -> str:
        return f"{self.url}/oauth/userinfo"

    # Read: what happened so far

    @property
    def requests(self) -> list[Request]:
        """Every request in the order of arrival, also those that wait for their answer."""
        with self._requests_lock:
            return list(self._requests)

    def requests_to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    @property
    def token_requests(self) -> list[Request]:
        return self.requests_to(TOKEN_PATH)

    @property
    def refreshes(self) -> int:
        """How many refreshes succeeded."""
        return self._grants.counts["refreshes"]

    @property
    def reuse_was_detected(self) -> bool:
        """Whether a code or a refresh token came a second time."""
        return self._grants.counts["reuses"] > 0

    @property
    def revocations(self) -> int:
        """How many living tokens were revoked by their client."""
        return self._grants.counts["revocations"]

    def page_fetches(self, path: str) -> Counter[int]:
        """How often each page of a list was asked for."""
        return Counter(endpoints.page_number(request) for request in self.requests_to(path))

    # Turn: how it behaves from now on

    def set(self, **values: Any) -> None:
        """Change fields of Policy and Knobs by name. Raises ValueError for a name of neither."""
        for name, value in values.items():
            owner = next((thing for thing in (self.policy, self.knobs) if name in _field_names(thing)), None)
            if owner is None:
                raise ValueError(f"There is no knob called {name}.")
            setattr(owner, name, value)

    def fail(
        self,
        path: str,
        *,
        status: int = 503,
        body: str | Mapping[str, object] = "",
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        page: int | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next `times` requests for this path (and page) like this; None: until clear_faults()."""
        content = body if isinstance(body, str) else json.dumps(body)
        answer = Answer(status, content.encode(), content_type, dict(headers or {}))
        self._faults.add(Fault(path, page, answer), times)

    def fail_token(self, **fault: Any) -> None:
        """fail() for the token endpoint."""
        self.fail(TOKEN_PATH, **fault)

    def drop(
        self, path: str, *, after_effect: bool = False, page: int | None = None, times: int | None = 1
    ) -> None:
        """Hang up on the next requests: without having done anything, or having done all but answered."""
        self._faults.add(Fault(path, page, drop="after" if after_effect else "before"), times)

    def clear_faults(self) -> None:
        self._faults.clear()

    def hold(self, path: str, page: int | None = None) -> None:
        """Let requests for this path (and page) wait until release(), for a minute at most."""
        self._holds.hold(path, page)

    def release(self) -> None:
        self._holds.release()

    def wait_until_held(self, timeout: float = 10) -> bool:
        """Whether a request waits at a hold, within `timeout` seconds."""
        return self._holds.wait_until_held(timeout)

    def forget_requests(self) -> None:
        with self._requests_lock:
            self._requests.clear()

    def register_client(
        self,
        client_id: str,
        client_secret: str = "",
        redirect_uris: Iterable[str] = (),
        name: str = CLIENT_NAME,
    ) -> None:
        """Register a client, also anew. Without a secret it is public; without URIs it has the demo's."""
        uris = tuple(redirect_uris) or (self.redirect_uri,)
        with self._site_lock:
            self._clients[client_id] = Client(client_id, client_secret, name, uris)

    def register_redirect_uri(self, redirect_uri: str, client_id: str = CLIENT_ID) -> None:
        """Accept one more redirect URI."""
        with self._site_lock:
            client = self._clients[client_id]
            self._clients[client_id] = replace(client, redirect_uris=(*client.redirect_uris, redirect_uri))

    def mint(self, scope: str = " ".join(SCOPES), client_id: str = CLIENT_ID) -> Tokens:
        """Tokens of a new grant, as though the user had just consented. Raises KeyError: no such client."""
        with self._site_lock:
            client = self._clients[client_id]
            tokens = self._grants.issue(
                self._grants.begin(client.client_id, tuple(scope.split())), self._now()
            )
            self._save()
        return tokens

    def consent(self, authorization_url: str, *, is_allowed: bool = True) -> str:
        """Open the URL and press Allow or Deny like a user; the callback URL."""
        return give_consent(authorization_url, is_allowed=is_allowed)

    def add_orders(self, count: int) -> None:
        """Let new orders come in at once."""
        with self._site_lock:
            self._site.orders = replace(self._site.orders, extra=self._site.orders.extra + count)

    # Answering

    def _respond(self, request: Request) -> Answer | None:
        if self._control is not None and request.path.startswith("/_control"):
            return self._control.respond(request)
        if self._records_requests:
            with self._requests_lock:
                self._requests.append(request)
        answer = self._answer(request)
        request.status = answer.status if answer else 0
        return answer

    def _answer(self, request: Request) -> Answer | None:
        page = endpoints.page_number(request)
        time.sleep(self._latency(request.path))
        self._holds.pass_through(request.path, page)
        fault = self._faults.take(request.path, page)
        if fault and fault.drop != "after":
            return fault.answer
        with self._site_lock:
            answer = endpoints.answer(self._site, request, self._now())
            if request.path in (TOKEN_PATH, REVOCATION_PATH):
                # Before anybody hears of it: a rotated token that is forgotten again would cost a connection.
                self._save()
        return None if fault else answer

    def _latency(self, path: str) -> float:
        if path == TOKEN_PATH:
            return self.knobs.token_latency
        return self.knobs.api_latency if path.startswith("/api/") else 0

    def _save(self) -> None:
        if self._state:
            storage.save(self._state, self._site.orders.opened_at, self._grants)

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.knobs.clock_offset)

    @property
    def _grants(self) -> Grants:
        return self._site.authorization.grants

    @property
    def _clients(self) -> dict[str, Client]:
        return self._site.authorization.clients


def _field_names(thing: Policy | Knobs) -> set[str]:
    return {each.name for each in fields(thing)}
