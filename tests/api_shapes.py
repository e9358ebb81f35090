"""Twelve well-known shapes of API, each with its way of going on, as handlers for a local HTTP server.

They answer 25 records in pages of ten, the way the documentation of the API that they are named after says,
and refuse pages of which nobody was told.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug import Request, Response

TOTAL, SIZE = 25, 10
ITEMS = [{"id": f"i{number}", "name": f"Name {number}"} for number in range(1, TOTAL + 1)]
Answer = Callable[[Request], Response]


def bad() -> Response:
    """What a strict server says to a page that nobody was told of."""
    return Response("no such page", status=400)


def as_json(document: Any, **headers: str) -> Response:
    return Response(json.dumps(document), content_type="application/json", headers=headers)


def number(request: Request, name: str, default: int) -> int:
    return int(request.args.get(name, default))


def cut(start: int, size: int = SIZE) -> list[dict[str, str]]:
    return ITEMS[start : start + size]


def github(request: Request) -> Response:
    page, size = number(request, "page", 1), number(request, "per_page", SIZE)
    following = f'<{request.base_url}?per_page={size}&page={page + 1}>; rel="next", '
    last = f'<{request.base_url}?per_page={size}&page={-(-TOTAL // size)}>; rel="last"'
    return as_json(cut((page - 1) * size, size), Link=(following if page * size < TOTAL else "") + last)


def stripe(request: Request) -> Response:
    ids = [item["id"] for item in ITEMS]
    after = request.args.get("starting_after")
    if after is not None and after not in ids:
        return bad()
    start = ids.index(after) + 1 if after else 0
    return as_json({"object": "list", "data": cut(start), "has_more": start + SIZE < TOTAL, "url": "/v1/x"})


def hubspot(request: Request) -> Response:
    start = number(request, "after", 0)
    document: dict[str, Any] = {"results": cut(start)}
    if start + SIZE < TOTAL:
        link = f"{request.base_url}?after={start + SIZE}"
        document["paging"] = {"next": {"after": str(start + SIZE), "link": link}}
    return as_json(document)


def salesforce(request: Request) -> Response:
    start = int(request.path.rpartition("-")[2]) if "-" in request.path else 0
    document: dict[str, Any] = {"totalSize": TOTAL, "done": start + SIZE >= TOTAL, "records": cut(start)}
    if not document["done"]:
        document["nextRecordsUrl"] = f"/services/data/v61.0/query/01g-{start + SIZE}"
    return as_json(document)


def zoho(request: Request) -> Response:
    page = number(request, "page", 1)
    more = page * SIZE < TOTAL
    info = {"per_page": SIZE, "count": len(cut((page - 1) * SIZE)), "page": page, "more_records": more}
    return as_json({"data": cut((page - 1) * SIZE), "info": info})


def meta(request: Request) -> Response:
    start = number(request, "after", 0)
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + SIZE)}}
    if start + SIZE < TOTAL:
        paging["next"] = f"{request.base_url}?limit={SIZE}&after={start + SIZE}"
    return as_json({"data": cut(start), "paging": paging})


def google_calendar(request: Request) -> Response:
    token = request.args.get("pageToken", "t0")
    if not token.startswith("t"):
        return bad()
    start = int(token[1:])
    document: dict[str, Any] = {"kind": "calendar#events", "items": cut(start)}
    if start + SIZE < TOTAL:
        document["nextPageToken"] = f"t{start + SIZE}"
    return as_json(document)


def notion(request: Request) -> Response:
    asked = request.get_json()
    start = int(asked.get("start_cursor", "c0")[1:])
    more = start + SIZE < TOTAL
    following = f"c{start + SIZE}" if more else None
    return as_json({"object": "list", "results": cut(start), "has_more": more, "next_cursor": following})


def shopify(request: Request) -> Response:
    start = int(request.args.get("page_info", "p0")[1:])
    headers = {}
    if start + SIZE < TOTAL:
        headers["Link"] = f'<{request.base_url}?limit={SIZE}&page_info=p{start + SIZE}>; rel="next"'
    return as_json({"orders": cut(start)}, **headers)


def jira(request: Request) -> Response:
    start, most = number(request, "startAt", 0), min(number(request, "maxResults", SIZE), SIZE)
    issues = cut(start, most)
    return as_json({"startAt": start, "maxResults": most, "total": TOTAL, "issues": issues})


def rss(request: Request) -> Response:
    items = "".join(f"<item><guid>{i['id']}</guid><title>{i['name']}</title></item>" for i in ITEMS)
    text = f'<rss version="2.0"><channel><title>News</title>{items}</channel></rss>'
    return Response(text, content_type="application/rss+xml")


def plain_csv(request: Request) -> Response:
    lines = ["id,name", *(f"{item['id']},{item['name']}" for item in ITEMS)]
    return Response("\r\n".join(lines), content_type="text/csv")


@dataclass(frozen=True)
class Shape:
    """An API, how it is asked first, and the pagination that its answer should suggest."""

    answer: Answer
    path: str
    records_path: str
    kind: str
    method: str = "GET"
    body: str = ""


SHAPES = {
    "GitHub": Shape(github, "/repos/o/r/issues?per_page=10", "", "link_header"),
    "Stripe": Shape(stripe, "/v1/customers", "data", "cursor"),
    "HubSpot": Shape(hubspot, "/crm/v3/objects/contacts", "results", "next_url"),
    "Salesforce": Shape(salesforce, "/services/data/v61.0/query?q=SELECT+Id", "records", "next_url"),
    "Zoho CRM": Shape(zoho, "/crm/v6/Contacts", "data", "page"),
    "Meta Graph": Shape(meta, "/v21.0/me/posts?limit=10", "data", "next_url"),
    "Google Calendar": Shape(google_calendar, "/calendar/v3/events", "items", "cursor"),
    "Notion": Shape(notion, "/v1/databases/x/query", "results", "cursor_body", "POST", "{}"),
    "Shopify": Shape(shopify, "/admin/api/2026-10/orders.json?limit=10", "orders", "link_header"),
    "Jira": Shape(jira, "/rest/api/2/search?jql=x", "issues", "offset"),
    "RSS": Shape(rss, "/feed.xml", "", "none"),
    "CSV": Shape(plain_csv, "/rows.csv", "", "none"),
}
