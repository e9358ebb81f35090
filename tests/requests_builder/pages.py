"""What tests of pages share: reading a page as a reader does, and counting what it costs."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

MOST_QUERIES = 15


def text(response: Any) -> str:
    """The page without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def cost(client: Client, path: str) -> int:
    """How many queries a page takes, which are few."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    assert len(queries) <= MOST_QUERIES, [query["sql"] for query in queries]
    return len(queries)


def assert_costs_the_same(client: Client, path: str, add: Callable[[int], object]) -> None:
    """A page asks as much of the database for 30 rows as for 3. `add` makes so many more."""
    client.get(path)
    add(3)
    few = cost(client, path)
    add(27)
    assert cost(client, path) == few
