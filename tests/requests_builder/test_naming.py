"""What a request is called that nobody has named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder.naming import name_from


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.example.com/v2/contacts?per_page=5", "Contacts of api.example.com"),
        ("https://api.example.com/repos/octo/hello-world/issues", "Issues of api.example.com"),
        ("https://api.example.com/crm/v3/objects/deal_stages/search", "Deal stages of api.example.com"),
        ("https://shop.example/admin/api/2026-10/orders.json", "Orders of shop.example"),
        ("https://example.org/feeds/7f3a9c01b2d4e5f6a7b8/items.xml", "Items of example.org"),
        ("https://example.org/users/42", "Users of example.org"),
        ("https://example.org/", "example.org"),
        ("{{ connection.instance_url }}/services/data/v61.0/query", "Data"),
        ("https://[::1", "Request"),
        ("", "Request"),
    ],
)
def test_it_is_called_after_what_its_url_gives(url: str, name: str) -> None:
    assert name_from(url) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = {"Users of example.org", "Users of example.org 2"}
    assert name_from("https://example.org/users", taken) == "Users of example.org 3"


@given(st.text())
def test_any_text_gives_a_name_that_fits(url: str) -> None:
    name = name_from(url)
    assert name.strip()
    assert len(name) <= 100
