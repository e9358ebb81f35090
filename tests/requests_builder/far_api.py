"""An API that is far away: each answer takes its time, and it knows how many requests it had at once."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from demo_api.listener import Listener
from demo_api.messages import Answer, Request, json_answer

LATENCY = 0.02


class FarApi:
    """Pages of two records, by page, offset or cursor, in query or body: `with FarApi(60) as api`."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.latency = LATENCY
        self.padding = ""
        self.asked: Counter[int] = Counter()
        self.most_at_once = 0
        # What is answered in place of a page, and what is done when a request for one arrives.
        self.instead: dict[int, list[Answer]] = {}
        self.on_arrival: Callable[[int], None] = lambda page: None
        self.headers: dict[str, str] = {}
        self._at_once = 0
        self._changed = threading.Condition()
        self._held: dict[int, threading.Event] = {}
        self._is_held = threading.Event()

    def __enter__(self) -> Self:
        self._listener = Listener("127.0.0.1", 0, self._respond, lambda: datetime.now(UTC))
        self.port = self._listener.port
        self.url = f"http://127.0.0.1:{self.port}/items"
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.close_connections()

    def hold(self, page: int) -> None:
        """Let requests for this page wait until `release`."""
        self._held[page] = threading.Event()

    def wait_until_held(self) -> None:
        assert self._is_held.wait(60)

    def release(self) -> None:
        for event in self._held.values():
            event.set()

    def begin_anew(self) -> None:
        """Wait until nothing is under way, and count from there."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._at_once == 0, 20)
            self.most_at_once = 0

    def _respond(self, request: Request) -> Answer:
        page = self._page_in(request)
        with self._changed:
            self.asked[page] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            instead = self.instead.get(page)
            answer = instead.pop(0) if instead else self._answer(page)
        self.on_arrival(page)
        if page in self._held:
            self._is_held.set()
            self._held[page].wait(30)
        time.sleep(self.latency)
        with self._changed:
            self._at_once -= 1
            self._changed.notify_all()
        return answer

    def _page_in(self, request: Request) -> int:
        given: dict[str, Any] = dict(request.query_pairs)
        if request.body:
            given |= json.loads(request.body)
        if "offset" in given:
            return int(given["offset"]) // 2 + 1
        return int(given.get("page") or given.get("cursor") or 1)

    def _answer(self, page: int) -> Answer:
        ids = [2 * page - 1, 2 * page] if page <= self.pages else []
        document: dict[str, Any] = {
            "data": [{"id": number, "text": self.padding} for number in ids],
            "total": 2 * self.pages,
            "total_pages": self.pages,
        }
        if page < self.pages:
            document["next"] = str(page + 1)
        answer = json_answer(200, document)
        return Answer(answer.status, answer.body, answer.content_type, dict(self.headers))
