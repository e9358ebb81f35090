"""APIs whose pages lead astray: a run ends with a reason or at the true end; half of the pages is nothing."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Team
from requests_builder import runs
from requests_builder.models import Row, Run, RunState
from tests import factories
from tests.connections.raw_server import RawServer, answering, ok
from tests.requests_builder.conftest import executed

pytestmark = pytest.mark.django_db

Answer = Callable[[int], Any]


@pytest.fixture
def follow(team: Team, httpserver: HTTPServer, settings: Settings, now: datetime) -> Callable[..., Run]:
    """The run of a request whose page n answers with what a function makes of n."""
    settings.OUTBOUND_ALLOW = [f"localhost:{httpserver.port}"]
    settings.RUN_MAX_PAGES = 30

    def run(answer: Answer, pagination: dict[str, Any], headers: Answer = lambda _: {}) -> Run:
        def respond(request: Request) -> Response:
            at = int(request.args.get("p", 1))
            body = json.dumps(answer(at))
            return Response(body, content_type="application/json", headers=headers(at))

        httpserver.expect_request("/items").respond_with_handler(respond)
        saved = factories.SavedRequestFactory(
            team=team,
            table=factories.TableFactory(team=team),
            url=httpserver.url_for("/items"),
            records_path="data",
            pagination=pagination,
        )
        return executed(runs.request_run(saved, user=None, now=now), now)

    return run


NEXT = {"kind": "next_url", "path": "next"}


@pytest.mark.parametrize(
    ("answer", "pagination", "code", "pages"),
    [
        (lambda n: {"data": [{"id": n}], "next": f"?p={n + 1}"}, NEXT, "too_many_pages", 30),
        (lambda n: {"data": [], "next": f"?p={n + 1}"}, NEXT, "too_many_pages", 30),
        (lambda n: {"data": [{"id": n}], "next": "?p=1"}, NEXT, "pagination_loop", 2),
        (lambda n: {"data": [{"id": n}], "next": f"?p={n % 3 + 1}"}, NEXT, "pagination_loop", 4),
        (
            lambda n: {"data": [{"id": n}], "c": 7},
            {"kind": "cursor", "path": "c", "parameter": "p"},
            "pagination_loop",
            2,
        ),
        (
            lambda n: {"data": [{"id": 1}]},
            {"kind": "page", "parameter": "p"},
            "pagination_loop",
            2,
        ),
    ],
    ids=["P01 endless", "P01 endless and empty", "P02 itself", "P02 cycle", "P03 one cursor", "P03 one page"],
)
def test_pages_without_end_are_an_error_and_nothing_is_shown(
    answer: Answer,
    pagination: dict[str, Any],
    code: str,
    pages: int,
    follow: Callable[..., Run],
    httpserver: HTTPServer,
) -> None:
    run = follow(answer, pagination)

    assert (run.state, run.error_code) == (RunState.FAILED, code)
    assert len(httpserver.log) <= pages
    assert not Row.objects.exists()


def test_no_page_is_asked_for_elsewhere(follow: Callable[..., Run], settings: Settings) -> None:
    with RawServer(answering(ok(b"{}"))) as canary:
        for number, target in enumerate(
            (
                canary.url,
                canary.url.replace("http://", "//"),
                f"http://localhost@127.0.0.1:{canary.port}/",
                f"http:///127.0.0.1:{canary.port}",
                f"gopher://127.0.0.1:{canary.port}/",
            )
        ):
            run = follow(lambda n, target=target: {"data": [{"id": n}], "next": target}, NEXT)
            assert run.error_code in ("cross_origin_next", "invalid_next"), number
            # Also where the operator would let the call through: credentials were made for the first origin.
            settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, f"127.0.0.1:{canary.port}"]
        assert canary.connections == 0


@pytest.mark.parametrize(
    "link",
    [
        "<?p={next}>; rel=next",
        '</items?p={next}>; REL="NEXT"',
        '</items?p=9>; rel="last", </items?p={next}>; rel="prefetch next"; title="a, b"',
        '</a>; rel="first prev",</items?p={next}>;rel="next"',
    ],
)
def test_links_in_the_header_are_read_as_they_are_written(link: str, follow: Callable[..., Run]) -> None:
    run = follow(
        lambda n: {"data": [{"id": n}]},
        {"kind": "link_header"},
        lambda n: {"Link": link.format(next=n + 1)} if n < 3 else {},
    )

    assert (run.state, run.pages, run.rows) == (RunState.SUCCEEDED, 3, 3)


def test_records_that_come_on_two_pages_are_both_kept_without_a_key(follow: Callable[..., Run]) -> None:
    run = follow(
        lambda n: {"data": [{"id": n}, {"id": n + 1}] if n < 4 else []}, {"kind": "page", "parameter": "p"}
    )

    assert [row.data["id"] for row in Row.objects.order_by("id")] == [1, 2, 2, 3, 3, 4]
    assert run.rows == 6
