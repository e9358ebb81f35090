"""An API that is never what is measured: pages rendered once, sent by one thread.

    python -m bench.api PORT RECORDS

`GET /items?page=N` answers 100 records of about 1 KB, nested, and `meta.total_pages`; with `&latency=20`
20 ms later. `GET /small` answers a single small record, likewise with a latency.
"""

import asyncio
import json
import re
import sys
from typing import Any

PER_PAGE = 100
_TARGET = re.compile(rb"GET /items\?(?:[^ ]*&)?page=(\d+)")
SMALL = {"data": [{"id": 1, "status": "paid", "amount": 37.5, "email": "person1@example.org"}]}
_LATENCY = re.compile(rb"GET [^ ]*[?&]latency=(\d+)")


def record(number: int) -> dict[str, Any]:
    """A believable order, the same for the same number."""
    words = " ".join(f"word{(number * 7 + index * 13) % 997}" for index in range(60))
    return {
        "id": number,
        "status": ("new", "paid", "shipped")[number % 3],
        "email": f"person{number}@example.org",
        "amount": number * 37 % 90_000 / 100,
        "is_active": number % 2 == 0,
        "score": None if number % 7 == 0 else number % 100 / 100,
        "created_at": f"2026-11-{number % 28 + 1:02}T12:00:00Z",
        "note": words,
        "tags": ["alpha", "bravo", "charlie"],
        "customer": {
            "id": number % 500,
            "name": f"Customer {number % 500}",
            "company": {"vat": f"DE{number:09}"},
        },
    }


def pages(records: int) -> list[bytes]:
    """Each page as a whole response; behind them an empty one."""
    total = -(-records // PER_PAGE)
    responses = []
    for page in range(1, total + 2):
        first = (page - 1) * PER_PAGE + 1
        data = [record(number) for number in range(first, min(first + PER_PAGE, records + 1))]
        body = json.dumps({"data": data, "meta": {"page": page, "total_pages": total}}).encode()
        responses.append(response(body))
    return responses


def response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_SMALL = response(json.dumps(SMALL).encode())


class Api(asyncio.Protocol):
    """One connection; requests come whole, for they are small."""

    def __init__(self, responses: list[bytes]) -> None:
        self.responses = responses

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /small"):
            answer = _SMALL
        else:
            found = _TARGET.match(data)
            page = int(found[1]) if found else 1
            answer = self.responses[min(page, len(self.responses)) - 1]
        if latency := _LATENCY.match(data):
            asyncio.get_running_loop().call_later(int(latency[1]) / 1000, self.transport.write, answer)
        else:
            self.transport.write(answer)


async def serve(port: int, records: int) -> None:
    responses = pages(records)
    server = await asyncio.get_running_loop().create_server(
        lambda: Api(responses), "127.0.0.1", port, backlog=512
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
