"""Scopes that were edited after somebody consented to others."""

from connections.models import Connection, Token


def edited_scopes(connection: Connection, token: Token | None) -> str:
    """What to do so that an edit of the scopes takes effect; empty when it has, or nobody knows better."""
    if token is None or not token.asked_scopes:
        return ""
    wanted, asked = connection.scopes.split(), token.asked_scopes.split()
    added = [scope for scope in wanted if scope not in {*asked, *token.granted_scopes.split()}]
    dropped = [scope for scope in asked if scope not in wanted]
    if not added and not dropped:
        return ""
    aims = []
    if added:
        aims.append(f"to get {', '.join(added)}")
    if dropped:
        aims.append(f"to give up {', '.join(dropped)}")
    return f"The scopes were changed since it was connected. Authorize again {' and '.join(aims)}."
