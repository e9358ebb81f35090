"""Consent in, access tokens out: what the rest of the product knows of OAuth.

    consent      from the button to the stored tokens: there, back, and the exchange of the code
    renewal      a living access token for whoever needs one: one refresh, however many ask
    using        where a token may go, how calls carry it, what answers say about it, Test connection
    edits        edit, import, disconnect, delete, and what follows from it
    revocation   telling servers about tokens that nobody uses any more
    asking       requests in each server's dialect, as which client, and the log of them
    health       how a connection is, in words; overview: how all are, in numbers
    sentences    what people read; errors: what callers catch; auditing: who did what

No function that talks to a provider may be called inside a transaction.
"""

from .asking.dialects import provider_of
from .asking.history import thin
from .asking.redirects import redirect_uri
from .auditing import record
from .consent.authorizing import begin_authorization, connect_as_client, leave_for_provider
from .consent.completing import complete_authorization, parameters_to_pass_on
from .consent.flows import UnknownFlow, settle
from .consent.scopes import edited_scopes
from .edits.editing import delete, disconnect, import_tokens, save_settings
from .errors import (
    ConnectionMisconfigured,
    ProviderUnavailable,
    ReconnectRequired,
    RefreshUnderway,
    TokenRejected,
    TokenUnavailable,
)
from .health import (
    Health,
    NextStep,
    Scope,
    health_of,
    remedy_for_missing_refresh_token,
    scopes_of,
)
from .renewal.background import refresh_due_tokens, wind_down
from .renewal.endings import note_ended
from .renewal.holdings import AccessToken
from .renewal.late import store_what_was_left
from .renewal.refreshing import fresh_token, refresh, refresh_rejected_token
from .revocation.discarding import revocation_address
from .revocation.revoking import revoke_discarded_tokens
from .revocation.siblings import ended_along
from .using.apis import (
    Access,
    Signal,
    access,
    lacking_scope,
    note_help,
    read_placement,
    renewed,
    variables_of,
)
from .using.hosts import HostNotAllowed, allow_host, reach_of, read_host
from .using.testing import Tried, remember_test_url, try_out, url_to_test

__all__ = [
    "Access",
    "AccessToken",
    "ConnectionMisconfigured",
    "Health",
    "HostNotAllowed",
    "NextStep",
    "ProviderUnavailable",
    "ReconnectRequired",
    "RefreshUnderway",
    "Scope",
    "Signal",
    "TokenRejected",
    "TokenUnavailable",
    "Tried",
    "UnknownFlow",
    "access",
    "allow_host",
    "begin_authorization",
    "complete_authorization",
    "connect_as_client",
    "delete",
    "disconnect",
    "edited_scopes",
    "ended_along",
    "fresh_token",
    "health_of",
    "import_tokens",
    "lacking_scope",
    "leave_for_provider",
    "note_ended",
    "note_help",
    "parameters_to_pass_on",
    "provider_of",
    "reach_of",
    "read_host",
    "read_placement",
    "record",
    "redirect_uri",
    "refresh",
    "refresh_due_tokens",
    "refresh_rejected_token",
    "remedy_for_missing_refresh_token",
    "remember_test_url",
    "renewed",
    "revocation_address",
    "revoke_discarded_tokens",
    "save_settings",
    "scopes_of",
    "settle",
    "store_what_was_left",
    "thin",
    "try_out",
    "url_to_test",
    "variables_of",
    "wind_down",
]
