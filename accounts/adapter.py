"""Where the sign-up library asks us."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from accounts.access import remembered_invitation, sign_up_refusal


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Who may sign up, whose address needs no confirming, and where the links in mails lead."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return not sign_up_refusal(request)

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """An invited person has shown that they read their mail by opening the link."""
        invitation = remembered_invitation(request)
        return invitation is not None and invitation.email == email.lower()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # The library builds links from the request, and a request's Host header is anybody's word.
        links = {name: _at_base_url(value) for name, value in context.items() if name.endswith("_url")}
        site = SimpleNamespace(name="API Connector", domain=urlsplit(settings.BASE_URL).netloc)
        super().send_mail(template_prefix, email, context | links | {"current_site": site})


def _at_base_url(url: str) -> str:
    parts, base = urlsplit(url), urlsplit(settings.BASE_URL)
    return parts._replace(scheme=base.scheme, netloc=base.netloc).geturl()
