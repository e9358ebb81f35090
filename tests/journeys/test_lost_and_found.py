"""What is killed, emptied or stopped in the middle goes on by itself, and nothing is lost or doubled."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import PASSWORD, PATIENCE, Album, Person, apply
from tests.product import ROOT, Broker, Product, is_running, wait_until

pytestmark = [pytest.mark.both_lanes, pytest.mark.slow]

CONTACTS = "/api/open/contacts"
ACME = f"""team: Acme
users:
  - {{email: ann@example.org, role: owner, password: {PASSWORD}}}"""
# Seconds from the kill of a worker to the end of the run that it had in hand.
RECOVERY = 30.0


@pytest.mark.browser
def test_a_run_whose_worker_is_killed_is_finished_by_the_next_one(
    person: Person, product: Product, provider: DemoServer, album: Album
) -> None:
    provider.set(contacts=100)
    person.apply(
        f"""
requests:
  - name: Contacts
    url: {provider.url}{CONTACTS}?per_page=5
    records: data
    pagination: {{kind: page, parameter: page, start: 1, total_pages: meta.total_pages}}
"""
    )
    provider.forget_requests()
    provider.hold(CONTACTS, page=9)
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Run now").click()
    assert provider.wait_until_held(PATIENCE / 1000)
    expect(page.get_by_text("8 pages, 40 rows and")).to_be_visible()
    album.take(page, "under way")

    pid = product.kill("worker")
    killed_at = time.monotonic()
    provider.release()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible(timeout=2 * RECOVERY * 1000)
    assert time.monotonic() - killed_at < RECOVERY
    album.take(page, "finished")

    assert product.wait_for_another("worker", pid) != pid
    fetches = provider.page_fetches(CONTACTS)
    assert set(fetches) == set(range(1, 21))
    assert fetches.total() <= 21
    rows = lines(product.manage("rows", person.team, "contacts"))
    assert sorted(row["id"] for row in rows) == list(range(1, 101))


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def own_product(broker: Broker, provider: DemoServer) -> Iterator[Product]:
    """A product with a broker of its own, which may be stopped."""
    allowed = {"OUTBOUND_ALLOW": f"127.0.0.1:{provider.port}"}
    with Product(broker_url=broker.url, environment=allowed, has_demo=False) as running:
        yield running


@pytest.mark.xdist_group("journeys with a product of their own")
def test_no_due_time_is_lost_with_the_broker(
    own_product: Product, broker: Broker, provider: DemoServer
) -> None:
    product = own_product
    apply(
        product,
        f"""
{ACME}
requests:
  - name: Contacts
    url: {provider.url}{CONTACTS}?per_page=500
    records: data
    schedule: {{every: 1 minutes}}
""",
    )
    broker.stop()
    applied_at = datetime.now().astimezone()
    # The first due time passes while there is nobody to ring for it.
    wait_until(lambda: datetime.now().astimezone() > applied_at + timedelta(seconds=62), 90)
    assert lines(product.manage("runs", "acme")) == []

    broker.start()
    wait_until(lambda: succeeded(product), 120, lambda: product.manage("runs", "acme"))
    first = succeeded(product)[-1]
    assert applied_at < first < applied_at + timedelta(seconds=62)
    # A person has done nothing. Whoever was too long without a broker may have been started again.
    assert all(is_running(product.pids()[name]) for name in ("worker", "beat")), product.text()


@pytest.mark.xdist_group("journeys with a product of their own")
def test_a_second_start_finds_everything_and_gives_no_new_setup_link(
    own_product: Product, provider: DemoServer
) -> None:
    product = own_product
    assert product.setup_link
    apply(
        product,
        f"""
{ACME}
requests:
  - name: Contacts
    url: {provider.url}{CONTACTS}?per_page=500
    records: data
""",
    )
    product.manage("run", "acme", "Contacts")
    rows = product.manage("rows", "acme", "contacts")
    assert len(lines(rows)) == 500

    assert product.stop() == 0
    product.start()
    assert product.setup_link is None
    assert product.manage("rows", "acme", "contacts") == rows
    # What one product keeps beside its data, another would find.
    assert list(ROOT.glob("celerybeat-schedule*")) == []


def succeeded(product: Product) -> list[datetime]:
    """The due times whose run has succeeded, the newest first."""
    runs = lines(product.manage("runs", "acme"))
    return [datetime.fromisoformat(run["due_at"]) for run in runs if run["state"] == "succeeded"]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
