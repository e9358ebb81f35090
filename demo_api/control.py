"""The knobs over HTTP, for tests that run the demo as a process of its own.

`GET /_control` tells what happened; `POST /_control/<command>` with a JSON object of arguments calls the
method of DemoServer that has this name. There only when the server was started with `--control`.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from demo_api.grants import Tokens
from demo_api.messages import Answer, Request, json_answer

if TYPE_CHECKING:
    from demo_api.server import DemoServer

COMMANDS = frozenset(
    {
        "set",
        "fail",
        "fail_token",
        "drop",
        "clear_faults",
        "hold",
        "release",
        "wait_until_held",
        "forget_requests",
        "register_client",
        "register_redirect_uri",
        "mint",
        "add_orders",
    }
)


class Control:
    """A remote control for one server."""

    def __init__(self, server: "DemoServer") -> None:
        self._server = server

    def respond(self, request: Request) -> Answer:
        command = request.path.removeprefix("/_control").strip("/")
        if request.method == "GET" and not command:
            return json_answer(200, self._report())
        if request.method != "POST" or command not in COMMANDS:
            return json_answer(
                404, {"error": f"POST /_control/<command>, one of these: {' '.join(sorted(COMMANDS))}"}
            )
        try:
            result = getattr(self._server, command)(**json.loads(request.body or b"{}"))
        except (TypeError, ValueError, KeyError) as problem:
            return json_answer(400, {"error": str(problem)})
        return json_answer(200, {"result": result.as_document() if isinstance(result, Tokens) else result})

    def _report(self) -> dict[str, Any]:
        server = self._server
        requests = server.requests
        return {
            "policy": asdict(server.policy),
            "knobs": asdict(server.knobs),
            "refreshes": server.refreshes,
            "revocations": server.revocations,
            "reuse_was_detected": server.reuse_was_detected,
            "page_fetches": {
                path: server.page_fetches(path)
                for path in sorted({request.path for request in requests})
                if path.startswith("/api/")
            },
            "requests": [
                {
                    "method": request.method,
                    "path": request.path,
                    "query": request.query,
                    "form": request.form,
                    "headers": dict(request.headers),
                    "status": request.status,
                }
                for request in requests
            ],
        }
