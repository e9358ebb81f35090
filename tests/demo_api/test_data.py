"""The records behind the API."""

from datetime import UTC, datetime, timedelta

from demo_api.data import CONTACTS, Orders, contact

OPENING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_contact_is_the_same_each_time_it_is_made():
    contact.cache_clear()
    before = contact(17)
    contact.cache_clear()

    assert contact(17) == before
    assert contact(17) is not before


def test_no_two_contacts_share_an_id_or_an_address():
    contacts = [contact(number) for number in range(1, CONTACTS + 1)]

    assert len({each["id"] for each in contacts}) == CONTACTS
    assert len({each["email"] for each in contacts}) == CONTACTS
    assert all(each["email"].isascii() for each in contacts)


def test_contacts_are_sorted_by_the_moment_they_were_made():
    moments = [contact(number)["created_at"] for number in range(1, CONTACTS + 1)]

    assert moments == sorted(moments)


def test_a_new_order_comes_each_minute():
    orders = Orders(OPENING)

    assert orders.count(OPENING) == 3_120
    assert orders.count(OPENING + timedelta(seconds=59)) == 3_120
    assert orders.count(OPENING + timedelta(minutes=90)) == 3_210


def test_without_an_interval_no_order_comes_by_itself():
    orders = Orders(OPENING, interval=None, extra=2)

    assert orders.count(OPENING + timedelta(days=1)) == 3_122


def test_orders_are_never_from_the_future_and_sorted_by_time():
    orders = Orders(OPENING)
    now = OPENING + timedelta(minutes=5)

    moments = [orders.order(number)["created_at"] for number in range(1, orders.count(now) + 1)]

    assert moments == sorted(moments)
    assert moments[-1] == "2026-11-23T12:05:00Z"


def test_an_order_belongs_to_a_contact_and_its_lines_make_its_total():
    order = Orders(OPENING).order(42)

    assert contact(order["customer"]["id"])["email"] == order["customer"]["email"]
    assert order["total"] == round(sum(line["quantity"] * line["unit_price"] for line in order["lines"]), 2)
