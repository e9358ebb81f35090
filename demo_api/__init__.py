"""A small company's CRM: an OAuth 2.0 authorization server with an API behind it.

Newcomers try the whole product against it without an account anywhere (`python -m demo_api`),
and the tests run it where the internet would be (`demo_api.server.DemoServer`). It needs nothing
but the standard library, and it and the product do not import each other: all they share is HTTP.
"""
