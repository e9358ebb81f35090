"""The resource owner without a browser: opens an authorization URL and presses a button.

Works against any running demo, in this process or another.
"""

import re
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlencode, urljoin, urlsplit

from demo_api.messages import FORM

TRANSACTION = re.compile(r'name="transaction" value="([\w-]+)"')
TIMEOUT = 30


class NoConsentPage(Exception):
    """The server answered the authorization URL with neither a question nor a redirect."""


def give_consent(authorization_url: str, *, is_allowed: bool = True) -> str:
    """The callback URL to which the browser is sent in the end. Raises NoConsentPage."""
    callback, page = _ask("GET", authorization_url)
    if callback:
        return callback
    transaction = TRANSACTION.search(page)
    if transaction is None:
        raise NoConsentPage(re.sub(r"<style>.*?</style>|<[^>]+>|\s+", " ", page, flags=re.DOTALL).strip())
    form = {"transaction": transaction[1], "decision": "allow" if is_allowed else "deny"}
    callback, page = _ask("POST", urljoin(authorization_url, "/oauth/decision"), urlencode(form))
    if not callback:
        raise NoConsentPage("The decision was not taken.")
    return callback


def _ask(method: str, url: str, form: str = "") -> tuple[str, str]:
    """Where the answer leads ("" if nowhere), and its text."""
    parts = urlsplit(url)
    connection_class = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connection_class(parts.netloc, timeout=TIMEOUT)
    try:
        target = f"{parts.path or '/'}?{parts.query}"
        connection.request(method, target, form or None, {"Content-Type": FORM} if form else {})
        answer = connection.getresponse()
        return answer.getheader("Location", ""), answer.read().decode()
    finally:
        connection.close()
