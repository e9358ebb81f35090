"""From one page to the next: where it ends, what is refused, and loops."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_builder.pagination import (
    End,
    InvalidPagination,
    NextUrl,
    NoPagination,
    Page,
    PageParameter,
    PageTrail,
    PaginationError,
    follow,
    from_config,
    outlook,
    suggest,
    to_config,
)
from requests_builder.rendering import RenderedRequest

BASE = RenderedRequest("GET", "https://api.example/v1/contacts?per_page=2", (("Accept", "application/json"),))
ROWS = [{"id": 1}, {"id": 2}]


def page(document=None, records=ROWS, number=1, request=BASE):
    return Page(request, document, records, number)


def with_next(value):
    return page({"data": ROWS, "links": {"next": value}})


def pull(pagination, answer, request=BASE, max_pages=10_000):
    """The URLs asked for when `answer` maps a request to (document, records); the trail goes through JSON."""
    asked, trail = [], PageTrail()
    following = pagination.first_request(request)
    while isinstance(following, RenderedRequest):
        asked.append(following.url)
        document, records = answer(following)
        current = Page(following, document, records)
        following, trail = follow(pagination, current, trail, max_pages)
        stored = json.dumps(trail.to_json())
        assert len(stored) <= 1024
        trail = PageTrail.from_json(json.loads(stored))
    return asked


def number_in(request, name="page"):
    return int(request.url.rpartition(f"{name}=")[2])


def test_without_pagination_there_is_one_page():
    assert pull(NoPagination(), lambda request: ({}, ROWS)) == [BASE.url]


def test_page_numbers_count_up_until_a_page_is_empty():
    sizes = {1: 2, 2: 1, 3: 2}

    def answer(request):
        number = number_in(request)
        return {}, [{"id": (number, row)} for row in range(sizes.get(number, 0))]

    asked = pull(PageParameter(), answer)
    assert asked == [f"{BASE.url}&page={number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(("start", "total", "last"), [(1, 3, 3), (0, 3, 2), (1, "3", 3), (2, 3, 3)])
def test_a_total_saves_the_call_for_the_empty_page(start, total, last):
    def answer(request):
        return {"meta": {"total_pages": total}}, [{"id": number_in(request, "p")}]

    asked = pull(PageParameter("p", start, total_pages="meta.total_pages"), answer)
    assert asked == [f"{BASE.url}&p={number}" for number in range(start, last + 1)]


@pytest.mark.parametrize("total", [0, None, True, "many", -1, [3], 3.0])
def test_a_total_that_makes_no_sense_is_not_believed(total):
    current = page({"meta": {"total_pages": total}})
    assert PageParameter(total_pages="meta.total_pages").next_request(current) == replace(
        BASE, url=f"{BASE.url}&page=2"
    )


def test_the_page_that_the_url_names_is_replaced():
    request = replace(BASE, url="https://api.example/v1/contacts?page=7&q=%7e+x")
    first = PageParameter(start=0).first_request(request)
    assert first.url == "https://api.example/v1/contacts?page=0&q=%7e+x"
    assert first.headers == BASE.headers


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://api.example/v1/contacts?cursor=b", "https://api.example/v1/contacts?cursor=b"),
        ("HTTPS://API.example:443/x", "https://API.example:443/x"),
        ("/v1/contacts?page=2", "https://api.example/v1/contacts?page=2"),
        ("?page=2", "https://api.example/v1/contacts?page=2"),
        ("https:///x", "https://api.example/x"),
        ("contacts/next", "https://api.example/v1/contacts/next"),
        (" //api.example/x \n", "https://api.example/x"),
        ("/x?q=a b&ü=1#top", "https://api.example/x?q=a%20b&%C3%BC=1"),
    ],
)
def test_a_next_url_at_the_same_origin_is_followed_with_the_same_headers(value, url):
    following = NextUrl().next_request(with_next(value))
    assert following == replace(BASE, url=url)


@pytest.mark.parametrize("value", [None, "", False])
def test_no_next_url_is_the_end(value):
    end = End("Page 1 named no next URL (links.next).")
    assert NextUrl().next_request(with_next(value)) == end
    assert NextUrl().next_request(page({})) == end


@pytest.mark.parametrize(
    ("value", "code", "sentence"),
    [
        ("https://evil.example/", "cross_origin_next", "https://evil.example:443"),
        ("//evil.example/", "cross_origin_next", "sent nowhere else"),
        ("https://api.example.evil.example/", "cross_origin_next", "sent nowhere else"),
        ("https://api.example:8443/", "cross_origin_next", ":8443"),
        ("https://api.example:0/", "cross_origin_next", ":0"),
        ("http://api.example/", "cross_origin_next", "over http, though"),
        ("http://169.254.169.254/latest/meta-data/", "cross_origin_next", "sent nowhere else"),
        ("https://ann:pw@api.example/", "invalid_next", "user name"),
        ("https://api.example@evil.example/", "invalid_next", "user name"),
        ("javascript:alert(1)", "invalid_next", "no http or https"),
        ("file:///etc/passwd", "invalid_next", "no http or https"),
        ("/\\evil.example/", "invalid_next", "cannot be read"),
        ("/x\r\nHost: evil.example", "invalid_next", "cannot be read"),
        ("https://[::1/", "invalid_next", "cannot be read"),
        ("https://api.example:99999/", "invalid_next", "cannot be read"),
        ("/" + "a" * 8001, "invalid_next", "cannot be read"),
        ("/\ud800", "invalid_next", "cannot be read"),
        (7, "invalid_next", "leads to no URL"),
        ({"href": "/x"}, "invalid_next", "such as href"),
    ],
)
def test_a_next_url_that_leads_elsewhere_is_refused(value, code, sentence):
    with pytest.raises(PaginationError) as caught:
        NextUrl().next_request(with_next(value))
    assert caught.value.code == code
    assert sentence in caught.value.sentence


def loop_of(pages):
    """An API whose next links run through `pages` pages for ever, each with its own records."""

    def answer(request):
        at = int(request.url.rpartition("c=")[2] or 0) if "c=" in request.url else 0
        return {"links": {"next": f"?c={(at + 1) % pages}"}}, [{"id": at}]

    return answer


@pytest.mark.parametrize(("pages", "at_most"), [(1, 1), (2, 2), (20, 20), (31, 31), (50, 200), (300, 1200)])
def test_a_loop_is_noticed_though_the_trail_goes_through_checkpoints(pages, at_most):
    calls = []
    request = replace(BASE, url="https://api.example/?c=0")
    with pytest.raises(PaginationError) as caught:
        pull(NextUrl(), lambda asked: (calls.append(asked), loop_of(pages)(asked))[1], request)
    assert caught.value.code == "pagination_loop"
    assert len(calls) <= at_most


def test_a_long_loop_is_noticed_by_its_urls_though_its_records_change():
    calls = []

    def answer(request):
        calls.append(request)
        return {"links": {"next": f"?c={(number_in(request, 'c') + 1) % 50}"}}, [{"id": len(calls)}]

    with pytest.raises(PaginationError, match="without end"):
        pull(NextUrl(), answer, replace(BASE, url="https://api.example/?c=0"))
    assert len(calls) <= 200


@pytest.mark.parametrize("records", [[{"id": 1}], [{"id": 2**70}]])
def test_an_api_that_ignores_the_page_parameter_is_a_loop(records):
    with pytest.raises(PaginationError, match="Page 2 holds the same records") as caught:
        pull(PageParameter(), lambda request: ({}, records))
    assert caught.value.code == "pagination_loop"


def test_an_api_that_ignores_the_parameter_is_a_loop_also_where_the_total_says_the_end():
    with pytest.raises(PaginationError, match="same records"):
        pull(PageParameter(total_pages="total"), lambda request: ({"total": 2}, ROWS))


def test_empty_pages_are_no_loop_while_the_links_lead_on():
    def answer(request):
        at = number_in(request, "c")
        return {"links": {"next": f"?c={at + 1}" if at < 5 else None}}, []

    assert len(pull(NextUrl(), answer, replace(BASE, url="https://api.example/?c=0"))) == 6


def test_the_same_url_with_another_body_is_another_page():
    first, second = replace(BASE, body=b"1"), replace(BASE, body=b"2")
    trail = PageTrail().after(page(request=first))
    assert trail.has_seen(first)
    assert not trail.has_seen(second)


def test_more_pages_than_the_budget_are_an_error_not_a_result():
    with pytest.raises(PaginationError) as caught:
        pull(PageParameter(), lambda request: ({}, [{"id": number_in(request)}]), max_pages=7)
    assert caught.value.code == "too_many_pages"


def test_a_pull_of_just_the_budget_is_fine():
    answer = {number: [{"id": number}] for number in range(1, 7)}
    assert (
        len(pull(PageParameter(), lambda request: ({}, answer.get(number_in(request), [])), max_pages=7)) == 7
    )


def test_a_trail_holds_no_url_and_no_record():
    trail = PageTrail().after(page(request=replace(BASE, url="https://api.example/?api_key=s3cret")))
    assert "s3cret" not in json.dumps(trail.to_json())


@pytest.mark.parametrize(
    ("config", "pagination"),
    [
        ({}, NoPagination()),
        ({"kind": "none"}, NoPagination()),
        ({"kind": "page"}, PageParameter("page", 1)),
        ({"kind": "page", "parameter": "p", "start": 0}, PageParameter("p", 0)),
        ({"kind": "next_url", "path": '"@odata.nextLink"'}, NextUrl('"@odata.nextLink"')),
    ],
)
def test_a_mapping_becomes_a_strategy(config, pagination):
    assert from_config(config) == pagination


NAMES = st.text("abc_[]", min_size=1, max_size=20)


@settings(deadline=None)
@given(
    st.just(NoPagination())
    | st.builds(PageParameter, NAMES, st.integers(0, 2**53), total_pages=st.sampled_from(["", "meta.total"]))
    | st.builds(NextUrl, st.sampled_from(["next", "links.next", "links[?rel=='next'].href | [0]"]))
)
def test_a_strategy_survives_its_mapping(pagination):
    assert from_config(json.loads(json.dumps(to_config(pagination)))) == pagination


@pytest.mark.parametrize(
    ("config", "field", "sentence"),
    [
        ({"kind": "cursors"}, "kind", "none, page, offset, cursor, next_url"),
        ({"kind": ["page"]}, "kind", "none, page, offset, cursor, next_url"),
        ({"parameter": "page"}, "kind", "none, page, offset, cursor, next_url"),
        (
            {"kind": "page", "strat": 1},
            "strat",
            "Unknown key strat. Pagination of the kind page knows kind, parameter",
        ),
        ({"kind": "none", "path": "x"}, "path", "Unknown key path"),
        ({"kind": "page", "start": "1"}, "start", "whole number"),
        ({"kind": "page", "start": True}, "start", "whole number"),
        ({"kind": "page", "start": -1}, "start", "0 or a larger"),
        ({"kind": "page", "start": 2**63}, "start", "0 or a larger"),
        ({"kind": "page", "parameter": " "}, "parameter", "Name the query parameter"),
        ({"kind": "page", "total_pages": "a["}, "total_pages", "not a JMESPath"),
        ({"kind": "next_url", "path": ""}, "path", "links.next"),
        ({"kind": "next_url", "path": "a["}, "path", "not a JMESPath"),
        ("page", "pagination", "mapping"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_at_its_key(config, field, sentence):
    with pytest.raises(InvalidPagination) as caught:
        from_config(config)
    assert caught.value.field == field
    assert sentence in caught.value.sentence


@pytest.mark.parametrize(
    ("url", "document", "pagination"),
    [
        ("?x=1", {"links": {"next": "https://api.example/v1?page=2"}}, NextUrl("links.next")),
        ("?page=1", {"next": "/v1?page=2", "count": 3}, NextUrl("next")),
        ("", {"_links": {"next": {"href": "?page=2"}}}, NextUrl("_links.next.href")),
        ("", {"@odata.nextLink": "https://api.example/x"}, NextUrl('"@odata.nextLink"')),
        (
            "",
            {"paging": {"next": {"after": "MTA", "link": "https://api.example/x"}}},
            NextUrl("paging.next.link"),
        ),
        ("", {"next": "https://evil.example/"}, NoPagination()),
        ("", {"next": "cursor"}, NoPagination()),
        ("?page=3&per_page=2", {"data": []}, PageParameter("page", 1)),
        ("?page=0", {"meta": {"total_pages": 3}}, PageParameter("page", 0, total_pages="meta.total_pages")),
        ("?page[number]=1", {}, PageParameter("page[number]", 1)),
        (
            "",
            {"meta": {"page": 1, "total_pages": 3}},
            PageParameter("page", 1, total_pages="meta.total_pages"),
        ),
        ("", {"links": {"next": None}, "data": []}, NextUrl("links.next")),
        ("", [1, 2], NoPagination()),
        ("", {"a": 1}, NoPagination()),
    ],
)
def test_a_first_answer_suggests_how_to_page(url, document, pagination):
    request = RenderedRequest("GET", "https://api.example/v1" + url)
    assert suggest(Page(request, document, [])).pagination == pagination


# What can be foretold


def the_outlook(config, records=ROWS, document=None, request=BASE, max_pages=10_000, before=0):
    strategy = from_config(config)
    trail = PageTrail(pages=before, records=before * 2)
    current = Page(strategy.first_request(request), document, records)
    following, trail = follow(strategy, current, trail, max_pages)
    return outlook(strategy, current, following, trail, max_pages), following


@pytest.mark.parametrize(
    ("config", "name", "counts"),
    [
        ({"kind": "page", "start": 1}, "page", [2, 3, 4]),
        ({"kind": "page", "start": 0}, "page", [1, 2, 3]),
        ({"kind": "offset", "limit": 50, "advance": "limit"}, "offset", [50, 100, 150]),
        ({"kind": "offset", "limit": 50, "start": 10}, "offset", [12, 14, 16]),
    ],
)
def test_counted_pages_can_be_foretold(config, name, counts):
    found, following = the_outlook(config)

    assert found.request(1) == following
    assert [number_in(found.request(steps), name) for steps in (1, 2, 3)] == counts


def test_counted_pages_in_a_body_can_be_foretold():
    base = replace(BASE, method="QUERY", body=b"{}")
    found, _ = the_outlook({"kind": "page_body", "path": "page"}, request=base)
    assert [json.loads(found.request(steps).body) for steps in (1, 2)] == [{"page": 2}, {"page": 3}]

    found, _ = the_outlook({"kind": "offset_body", "path": "skip", "limit": 2}, request=base)
    assert [json.loads(found.request(steps).body)["skip"] for steps in (1, 2)] == [2, 4]


def test_with_a_cursor_only_the_next_page_can_be_foretold():
    found, following = the_outlook({"kind": "cursor", "path": "next"}, document={"next": "abc"})

    assert found.request(1) == following
    assert found.request(2) is None
    assert found.remaining is None


@pytest.mark.parametrize(
    ("config", "document", "max_pages", "last"),
    [
        ({"total_pages": "pages"}, {"pages": 4}, 10_000, 3),
        ({"total_pages": "pages", "start": 2}, {"pages": 4}, 10_000, 2),
        ({"total": "count"}, {"count": 7}, 10_000, 3),
        ({"pages": 3}, {}, 10_000, 2),
        ({}, {}, 5, 4),
    ],
)
def test_nothing_is_foretold_beyond_the_end_that_is_known(config, document, max_pages, last):
    found, _ = the_outlook({"kind": "page", **config}, document=document, max_pages=max_pages)

    assert found.request(last) is not None
    assert found.request(last + 1) is None


def test_what_remains_is_the_word_of_the_api_and_not_the_wish():
    assert the_outlook({"kind": "page", "pages": 100})[0].remaining is None
    assert the_outlook({"kind": "page", "total": "count"}, document={"count": 41})[0].remaining == 20
    assert (
        the_outlook({"kind": "page", "total": "count"}, document={"count": 41}, before=10)[0].remaining == 10
    )
