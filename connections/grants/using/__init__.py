"""Calling APIs with a token: where it may go, how it is carried, whether it works."""
