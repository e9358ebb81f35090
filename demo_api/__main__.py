"""python -m demo_api: the demo as a process of its own, until it is told to stop."""

import argparse
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from demo_api.policy import Policy
from demo_api.server import DemoServer
from demo_api.storage import UnreadableState

ORDER_INTERVAL = timedelta(minutes=1)


def main() -> int:
    options = _parser().parse_args()
    try:
        server = DemoServer(
            host=options.host,
            port=options.port,
            product_url=options.product_url,
            public_url=options.public_url,
            policy=Policy(
                access_token_lifetime=options.access_token_lifetime,
                rotation_grace=options.rotation_grace,
                pkce_required=options.pkce_required,
                offline_access_required=options.offline_access_required,
            ),
            order_interval=ORDER_INTERVAL,
            state=options.state,
            records_requests=options.control,
            has_control=options.control,
        )
        server.start()
    except (UnreadableState, OSError) as problem:
        print(f"demo_api: {problem}", file=sys.stderr)
        return 1
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print(f"Demo API on {server.url}, for the product at {server.redirect_uri}", flush=True)
    stopping.wait()
    server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m demo_api", description="An OAuth 2.0 authorization server with an API behind it."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9400, help="0 for any free one")
    parser.add_argument("--product-url", default="http://localhost:8000", help="the product's BASE_URL")
    parser.add_argument("--public-url", default="", help="how clients see it, if not by host and port")
    parser.add_argument("--state", type=Path, help="remember grants and tokens in this file")
    parser.add_argument("--access-token-lifetime", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--rotation-grace", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--pkce-required", action="store_true")
    parser.add_argument("--offline-access-required", action="store_true")
    parser.add_argument("--control", action="store_true", help="tests turn its knobs under /_control")
    return parser


if __name__ == "__main__":
    sys.exit(main())
