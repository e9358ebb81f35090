"""Connections that outlive the door that opened them."""

import pytest

from connections.outbound import Allowance, Door, Refused, Shelf, shelf
from tests.connections.raw_server import RawServer, answering, ok


def ask(server: RawServer, kept: Shelf, owner: object, method: str = "GET") -> None:
    with Door(server.allow, shelf=kept, owner=owner) as door:
        assert door.send(method, server.url).status == 200


def test_the_next_door_of_the_same_owner_goes_on_with_the_connection() -> None:
    with RawServer(answering(ok())) as server:
        kept = Shelf(8)
        for _ in range(3):
            ask(server, kept, "one")
        assert server.connections == 1
        kept.clear()
        ask(server, kept, "one")
        assert server.connections == 2


def test_nobody_gets_a_connection_of_somebody_else() -> None:
    with RawServer(answering(ok())) as server:
        kept = Shelf(8)
        for owner in ("one", "other", "one", "other"):
            ask(server, kept, owner)
        assert server.connections == 2


def test_what_is_not_permitted_any_more_is_not_called_over_an_open_connection() -> None:
    with RawServer(answering(ok())) as server:
        kept = Shelf(8)
        ask(server, kept, "one")
        with Door([Allowance.parse("127.0.0.1:1")], shelf=kept, owner="one") as door, pytest.raises(Refused):
            door.send("GET", server.url)
        assert server.connections == 1


def test_what_must_not_be_sent_twice_goes_over_a_new_connection() -> None:
    with RawServer(answering(ok())) as server:
        kept = Shelf(8)
        for method in ("GET", "POST", "POST"):
            ask(server, kept, "one", method)
        assert server.connections == 3


def test_no_more_than_so_many_are_kept_and_none_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(answering(ok())) as server:
        kept = Shelf(1)
        for owner in ("one", "other", "one"):
            ask(server, kept, owner)
        assert server.connections == 3
        monkeypatch.setattr(shelf, "KEPT", 0.0)
        ask(server, kept, "one")
        assert server.connections == 4
