"""Twelve well-known shapes of API: how each goes on is seen in its first answer, and all of it is pulled."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from requests_builder import pagination, runs, tables
from requests_builder.models import BodyKind, RunState, SavedRequest, Table
from tests import factories
from tests.api_shapes import ITEMS, SHAPES, Shape
from tests.requests_builder.conftest import executed

ANY = re.compile("/.*")


@pytest.fixture
def ask(table: Table, httpserver: HTTPServer, settings: Settings) -> Callable[[Shape], SavedRequest]:
    """A request to a server of this shape, as somebody types it: where the records are, nobody knows yet."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]

    def made(shape: Shape) -> SavedRequest:
        httpserver.expect_request(ANY).respond_with_handler(shape.answer)
        request: SavedRequest = factories.SavedRequestFactory(
            team=table.team,
            table=table,
            method=shape.method,
            url=f"http://127.0.0.1:{httpserver.port}{shape.path}",
            body_kind=BodyKind.JSON if shape.body else BodyKind.NONE,
            body=shape.body,
        )
        return request

    return made


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", SHAPES)
def test_the_pagination_that_the_first_answer_suggests_pulls_every_row(
    name: str, ask: Callable[[Shape], SavedRequest], table: Table, now: datetime
) -> None:
    shape = SHAPES[name]
    request = ask(shape)
    shown = runs.preview(request, now=now)
    assert shown.problem is None
    assert shown.suggested_paths[0][0] == shape.records_path
    suggestion = shown.suggested_pagination
    assert suggestion is not None
    assert suggestion.pagination.kind == shape.kind

    request.records_path = shape.records_path
    request.pagination = pagination.to_config(suggestion.pagination)
    request.save()
    run = executed(runs.request_run(request, user=None, now=now), now)

    assert run.state == RunState.SUCCEEDED, run.error
    assert [row["id"] for row in tables.records(table)] == [item["id"] for item in ITEMS]
    assert run.stop_reason.endswith("Rows: 25 inserted.")
    assert (run.stop_reason != "Rows: 25 inserted.") is (shape.kind != "none")
