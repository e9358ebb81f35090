"""Tokens that nobody uses any more, and telling their servers so (RFC 7009)."""
