"""PURE. The pages of the demo as text: what to paste where, the consent question, a refusal."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from demo_api.authorization import Account, Consent
from demo_api.data import CONTACTS
from demo_api.policy import SCOPES


@dataclass(frozen=True, slots=True)
class ConnectionForm:
    """What the product's custom OAuth form wants to know about this server."""

    name: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    redirect_url: str


STYLE = Path(__file__).with_name("pages.css").read_text(encoding="utf-8")
SCRIPT = Path(__file__).with_name("pages.js").read_text(encoding="utf-8")

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%230b6b57'/%3E"
    "%3Cpath d='M4 8h8M8 4v8' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)


def _source(text: str) -> str:
    """How a Content-Security-Policy names an inline block."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS: Mapping[str, str] = {
    # No form-action: browsers apply it to the redirect that follows the consent, too.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; img-src data:; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def home(url: str, form: ConnectionForm, access_token_lifetime: float) -> str:
    """What this server is, and what to paste where. The lifetime is in seconds."""
    address = urlsplit(url).netloc
    fields = {
        "Name": form.name,
        "Authorization Base URL": f"{url}/oauth/authorize",
        "Token URL": f"{url}/oauth/token",
        "Client ID": form.client_id,
        "Client Secret": form.client_secret,
        "Scopes": form.scopes,
    }
    contacts = {
        "URL": f"{url}/api/contacts?per_page=100",
        "Records": "data",
        "Pagination": "Page Parameter",
        "Parameter": "page",
    }
    orders = {
        "URL": f"{url}/api/orders?per_page=100",
        "Records": "data",
        "Pagination": "Next URL",
        "Path": "links.next",
    }
    others = {
        "No authorization": f"{url}/api/open/contacts",
        "API key": f"{url}/api/key",
        "Basic": f"{url}/api/basic",
        "What was sent": f"{url}/api/echo?greeting=hello",
        "Not data": f"{url}/api/html",
    }
    return _document(
        "Demo API",
        f"""<main>
<span class="badge">Demo, runs on your machine</span>
<h1>A CRM to connect to</h1>
<p>An OAuth 2.0 authorization server with contacts and orders behind it. It keeps the rules of a real one,
and needs neither an account nor the internet. Everything to paste is on this page.</p>
<section aria-labelledby="connect">
<h2 id="connect">1. Create the connection</h2>
<p class="quiet">Create Request → Authorization → OAuth → New, then Create connection.</p>
{_list(fields)}
</section>
<section aria-labelledby="redirect">
<h2 id="redirect">Registered here</h2>
<p class="quiet">The form shows its Redirect URL. It has to be exactly this one, or this server refuses.</p>
{_list({"Redirect URL": form.redirect_url, "Revocation URL": f"{url}/oauth/revoke", "Issuer": url})}
</section>
<section aria-labelledby="requests">
<h2 id="requests">2. Build a request</h2>
<p class="quiet">Method GET, Authorization OAuth, connection {escape(form.name)}.</p>
<div class="examples">
<div><h3>Contacts</h3>
<p class="quiet">{CONTACTS:,} of them, by page number starting at 1.</p>
{_list(contacts)}</div>
<div><h3>Orders</h3>
<p class="quiet">A new one every minute: put it on a schedule and watch it grow.</p>
{_list(orders)}</div>
</div>
</section>
<section aria-labelledby="others">
<h2 id="others">Other things to try</h2>
<p class="quiet">API key: header <code>X-Api-Key</code>, value <code>demo-key</code>.
Basic: username <code>demo</code>, password <code>demo</code>.</p>
{_list(others)}
</section>
<section aria-labelledby="rules">
<h2 id="rules">The rules it keeps</h2>
<ul>
<li>Access tokens last {_duration(access_token_lifetime)}. Each refresh token works once;
using it again ends the connection.</li>
<li>An authorization code works once, within a minute, and with the right PKCE verifier (S256 or plain).</li>
<li>The client authenticates by Basic header or in the body, never both.</li>
<li>Scopes: {", ".join(f"<code>{escape(name)}</code>" for name in SCOPES)}.</li>
</ul>
<p class="small quiet">This address is not public. If the product refuses to call it, start it with
<code>OUTBOUND_ALLOW={escape(address)}</code>.</p>
</section>
<p id="spoken" class="spoken" aria-live="polite"></p>
</main>
<script>{SCRIPT}</script>""",
    )


def consent(question: Consent, account: Account) -> str:
    """The question to the resource owner, answered by a button."""
    client = escape(question.client.name)
    scopes = "".join(
        f"<li><span>{escape(SCOPES[name])}</span><code class='quiet small'>{escape(name)}</code></li>"
        for name in question.scope
    )
    initials = "".join(word[0] for word in account.name.split())
    return _document(
        f"Allow {question.client.name}?",
        f"""<main class="narrow">
<div class="card">
<span class="badge">Demo CRM</span>
<h1>{client} wants to use your account</h1>
<div class="account"><span class="avatar" aria-hidden="true">{escape(initials)}</span>
<div><strong>{escape(account.name)}</strong><br>
<span class="quiet small">{escape(account.email)}</span></div></div>
<h2>It will be able to</h2>
<ul class="scopes">{scopes}</ul>
<p class="small quiet">Afterwards you return to <code>{escape(_origin(question.redirect_uri))}</code>.</p>
<form method="post" action="/oauth/decision">
<input type="hidden" name="transaction" value="{escape(question.transaction)}">
<button name="decision" value="deny">Deny</button>
<button name="decision" value="allow" class="primary">Allow</button>
</form>
</div>
</main>""",
    )


def refusal(problem: str) -> str:
    """Shown when sending the browser back would be unsafe."""
    return _document(
        "This request cannot be answered",
        f"""<main class="narrow">
<div class="card refusal" role="alert">
<span class="badge">Demo CRM</span>
<h1>This request cannot be answered</h1>
<p>{escape(problem)}</p>
<p class="quiet">You were not sent back, because it is not certain where to. Close this window and check the
connection against <a href="/">what is registered here</a>.</p>
</div>
</main>""",
    )


def not_data() -> str:
    """A page where a program would expect JSON, as misconfigured APIs answer."""
    return _document(
        "Scheduled maintenance",
        """<main class="narrow">
<div class="card">
<h1>Scheduled maintenance</h1>
<p>We will be back shortly. This page is HTML on purpose: it has no records.</p>
</div>
</main>""",
    )


def _list(values: Mapping[str, str]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>" for name, value in values.items()
    )
    return f"<dl>{rows}</dl>"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:g} minutes" if minutes > 1 else f"{seconds:g} seconds"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _document(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="{ICON}">
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""
