"""npm's oidc-provider, a real authorization server that nobody here wrote, run as a process for tests.

Its rules, as far as a client notices them:

- A refresh token is given only for the scope `offline_access`, and that scope is taken only from an
  authorization request with `prompt=consent`; without it the scope is dropped in silence.
- Refresh tokens rotate each time, without any grace: a second use ends the grant with all its tokens.
- Revoking either kind of token ends the whole grant.
- PKCE takes S256 only, and is required of the public client.
- Each client authenticates in the one way it is registered for; the secret of `basic-client` has to be
  form-encoded inside the Basic header. A wrong way is 401 invalid_client.
- The issuer is plain http on a loopback address, which the package accepts as it is.
- Scopes: `openid`, `offline_access`, and `items.read` for the API at `items_url`.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import requests

HERE = Path(__file__).parent
REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client as the server knows it; the public one has no secret."""

    client_id: str
    client_secret: str = field(repr=False)


class OidcProvider:
    """The server as a process: `with OidcProvider(redirect_uris=[...]) as provider: ...`.

    It answers when the block begins, and ends with it, or with this process however that dies.
    """

    url: str
    authorization_url: str
    token_url: str
    revocation_url: str
    introspection_url: str
    items_url: str
    basic_client: RegisteredClient
    post_client: RegisteredClient
    public_client: RegisteredClient

    def __init__(
        self,
        *,
        redirect_uris: Sequence[str] = ("http://localhost:8000/oauth/callback",),
        coop: bool = False,
        pkce_required: bool = False,
        access_token_ttl: int = 300,
        port: int = 0,
    ) -> None:
        """`coop` lets every page say `Cross-Origin-Opener-Policy: same-origin`; the ttl is in seconds."""
        self._command = ["node", str(HERE / "server.mjs"), "--port", str(port), "--until-stdin-ends"]
        for redirect_uri in redirect_uris:
            self._command += ["--redirect-uri", redirect_uri]
        self._command += ["--access-token-ttl", str(access_token_ttl)]
        self._command += ["--pkce", "required" if pkce_required else "optional"]
        self._command += ["--coop"] if coop else []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process; returns when it answers. Raises RuntimeError if it ends instead."""
        # A file, not a pipe: nobody reads it while the server runs, and a full pipe would stop it.
        with TemporaryFile("w+") as complaints:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True
            )
            assert self._process.stdout
            line = self._process.stdout.readline()
            if not line:
                self.stop()
                complaints.seek(0)
                raise RuntimeError(f"oidc-provider did not start: {complaints.read()}")
        ready: dict[str, Any] = json.loads(line)
        self.url = ready["issuer"]
        self.authorization_url = ready["authorization_url"]
        self.token_url = ready["token_url"]
        self.revocation_url = ready["revocation_url"]
        self.introspection_url = ready["introspection_url"]
        self.items_url = ready["items_url"]
        clients = {name: RegisteredClient(**client) for name, client in ready["clients"].items()}
        self.basic_client = clients["basic"]
        self.post_client = clients["post"]
        self.public_client = clients["public"]

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, endpoint: str = "") -> list[dict[str, Any]]:
        """What reached an endpoint ("token", "revocation", "introspection"; "" for all), oldest first.

        Each with endpoint, grant_type, client_id, authentication, has_code_verifier, status, error.
        """
        entries: list[dict[str, Any]] = requests.get(f"{self.url}/_log", timeout=30).json()
        return [entry for entry in entries if endpoint in ("", entry["endpoint"])]

    def consent(self, authorization_url: str, *, login: str = "dana", is_allowed: bool = True) -> str:
        """Sign in and consent (or cancel) as a person would, without a browser; the callback URL."""
        with requests.Session() as session:
            url = authorization_url
            form: dict[str, str] | None = None
            for _ in range(REDIRECTS):
                method = "POST" if form else "GET"
                answer = session.request(method, url, data=form, allow_redirects=False, timeout=30)
                location = answer.headers.get("Location")
                if location and not urljoin(url, location).startswith(f"{self.url}/"):
                    return location
                if location:
                    url, form = urljoin(url, location), None
                elif not is_allowed:
                    url, form = f"{url}/abort", None
                elif 'value="login"' in answer.text:
                    form = {"prompt": "login", "login": login, "password": "any"}
                elif 'value="consent"' in answer.text:
                    form = {"prompt": "consent"}
                else:
                    raise AssertionError(
                        re.sub(r"<style>.*?</style>|<[^>]+>|\s+", " ", answer.text, flags=re.DOTALL)
                    )
        raise AssertionError("The server kept on redirecting.")
