"""How fast a host is called, and what its status codes mean, in an entry of requests."""

from collections.abc import Mapping
from typing import Any

from requests_builder.forms import in_digits
from requests_builder.models import SavedRequest

from .checking import read_mapping
from .errors import refuse


def typed_manners(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as the form's fields would hold it."""
    rate = entry.get("requests_per_second")
    if isinstance(rate, bool) or not isinstance(rate, int | float | None):
        refuse(f"{where}.requests_per_second", "must be a number, such as 2 or 0.5")
    meanings = read_mapping(f"{where}.statuses", entry.get("statuses"), None)
    for status, meaning in meanings.items():
        if not isinstance(meaning, str):
            refuse(f"{where}.statuses.{status}", "must be empty, done or failure")
    lines = (f"{status} {meaning}" for status, meaning in meanings.items())
    return {"requests_per_second": None if rate is None else str(rate), "statuses": "\n".join(lines)}


def exported_manners(saved_request: SavedRequest) -> dict[str, Any]:
    """The keys of the entry; those that say nothing are empty."""
    rate = saved_request.requests_per_second
    number = None if rate is None else in_digits(rate)
    return {
        "requests_per_second": number and (float(number) if "." in number else int(number)),
        "statuses": {int(status): meaning for status, meaning in saved_request.statuses.items()},
    }
