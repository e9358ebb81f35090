"""Postman collections of versions 2.0 and 2.1. PURE.

collections  folders of requests: addresses, headers, variables
carrying     bodies
authorizing  credentials, inherited ones too
"""

from .collections import parse_postman

__all__ = ["parse_postman"]
