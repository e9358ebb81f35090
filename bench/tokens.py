"""A token endpoint that is never what is measured: any refresh token is renewed, 50 ms later.

python -m bench.tokens PORT
"""

import asyncio
import json
import sys
import uuid

LATENCY = 0.05
# How many requests a bare loop has under way at once.
BARE_THREADS = 32


class TokenEndpoint(asyncio.Protocol):
    """One connection; requests come in one piece or in two, head and body."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if end and len(body) >= length:
            self.received = b""
            asyncio.get_running_loop().call_later(LATENCY, self.answer)

    def answer(self) -> None:
        tokens = {
            "access_token": uuid.uuid4().hex,
            "refresh_token": uuid.uuid4().hex,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        body = json.dumps(tokens).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(TokenEndpoint, "127.0.0.1", port, backlog=256)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
