"""PURE. The providers that we know: their endpoints, and how they stray from the RFCs."""

from .catalogue import add, catalogue, get, groups, recognize
from .provider import Placeholder, Provider

__all__ = ["Placeholder", "Provider", "add", "catalogue", "get", "groups", "recognize"]
