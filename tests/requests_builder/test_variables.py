"""`{{ connection.name }}` in a request, put in as each place wants it."""

from dataclasses import replace

import pytest

from requests_builder.rendering import BodyKind, InvalidRequest, RequestTemplate, render
from requests_builder.variables import fill, is_stand_in, names_in, stand_ins

pytestmark = pytest.mark.requirement("R52")

PLAIN = RequestTemplate("GET", "https://api.example/contacts")


def url(typed: str, **values: str) -> str:
    return fill(replace(PLAIN, url=typed), values).url


def body(typed: str, **values: str) -> str:
    return fill(replace(PLAIN, body_kind=BodyKind.JSON, body=typed), values).body


def refusal(template: RequestTemplate, **values: str) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        fill(template, values)
    return refused.value.field, str(refused.value)


@pytest.mark.parametrize(
    ("typed", "value", "expected"),
    [
        ("{{ connection.v }}/a", "https://acme.example", "https://acme.example/a"),
        ("{{connection.v}}/a", "https://acme.example/", "https://acme.example/a"),
        ("{{ connection.v }}/a", "https://acme.example:8443/base/v1/", "https://acme.example:8443/base/v1/a"),
        ("https://{{ connection.v }}/a", "acme.example:8443", "https://acme.example:8443/a"),
        ("https://{{ connection.v }}.zendesk.com/a", "acme", "https://acme.zendesk.com/a"),
        (
            "https://a.example/{{ connection.v }}/b",
            "x y/ü?#%2e",
            "https://a.example/x%20y/%C3%BC%3F%23%252e/b",
        ),
        ("https://a.example/{{ connection.v }}", "stores/abc", "https://a.example/stores/abc"),
        ("https://a.example/?q={{ connection.v }}", "a/b&c=d#e", "https://a.example/?q=a%2Fb%26c%3Dd%23e"),
        ("https://a.example/?q=%7B%7B+connection.v+%7D%7D", "1", "https://a.example/?q=1"),
        ("https://a.example/?q=%7b%7bconnection.v%7d%7d", "1", "https://a.example/?q=1"),
        ("https://a.example/?q={{ connection.v }}", "{{ connection.v }}", None),
    ],
)
def test_in_a_url_a_value_is_escaped_for_its_place(typed: str, value: str, expected: str | None) -> None:
    # None: put in as text, and not filled a second time.
    assert url(typed, v=value) == (expected or "https://a.example/?q=%7B%7B%20connection.v%20%7D%7D")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("https://{{ connection.v }}/a", "evil.example#"),
        ("https://{{ connection.v }}/a", "a@evil.example"),
        ("https://{{ connection.v }}/a", "evil.example/"),
        ("https://{{ connection.v }}/a", "https://evil.example"),
        ("https://{{ connection.v }}.zendesk.com/", "evil.example\\"),
        ("https://{{ connection.v }}.zendesk.com/", "evil.example?"),
        ("{{ connection.v }}/a", "https://good.example@evil.example"),
        ("{{ connection.v }}/a", "javascript:alert(1)"),
        ("{{ connection.v }}/a", "https://a.example/../x"),
        ("https://a.example/{{ connection.v }}/b", ".."),
        ("https://a.example/{{ connection.v }}/b", "../../admin"),
        ("https://a.example/{{ connection.v }}/b", "a//b"),
        ("https://a.example/{{ connection.v }}/b", ""),
    ],
)
def test_no_value_leads_out_of_its_place(typed: str, value: str) -> None:
    field, sentence = refusal(replace(PLAIN, url=typed), v=value)

    assert field == "url"
    assert sentence.startswith("{{ connection.v }} ")
    # A value may be anything, so no sentence repeats it.
    assert value not in sentence or not value.strip(".")


def test_in_a_body_a_value_stays_inside_its_quotation_marks() -> None:
    assert body('{"a": "x-{{ connection.v }}"}', v='"}, "b": "\\\n') == '{"a": "x-\\"}, \\"b\\": \\"\\\\\\n"}'


@pytest.mark.parametrize("value", ["12", "-1.5", "true", "null", "9007199254740993"])
def test_outside_of_quotation_marks_stands_what_json_has_there(value: str) -> None:
    assert body('{"a": {{ connection.v }}}', v=value) == f'{{"a": {value}}}'


@pytest.mark.parametrize("value", ["abc", '"abc"', "1, 2", '1, "b": 2', "01", "{}", ""])
def test_outside_of_quotation_marks_nothing_else_can_stand(value: str) -> None:
    template = replace(PLAIN, body_kind=BodyKind.JSON, body='["", {{ connection.v }}]')

    field, sentence = refusal(template, v=value)

    assert field == "body"
    assert "put quotation marks around it" in sentence


def test_in_a_header_a_line_break_is_found_like_a_typed_one() -> None:
    template = replace(PLAIN, headers=(("X-Tenant", "{{ connection.v }}"),))

    assert fill(template, {"v": "acme"}).headers == (("X-Tenant", "acme"),)
    with pytest.raises(InvalidRequest) as refused:
        render(fill(template, {"v": "acme\r\nX-Admin: 1"}))
    assert refused.value.field == "headers"


@pytest.mark.parametrize(
    "typed", ["{{7*7}}", "{{ request }}", "{% debug %}", "${7*7}", "%s", "{0.__class__}", "{connection.v}"]
)
def test_nothing_else_in_braces_is_looked_at(typed: str) -> None:
    assert body(f'{{"a": "{typed}"}}', v="1") == f'{{"a": "{typed}"}}'


def test_all_that_is_unknown_is_named_with_what_is_known() -> None:
    template = replace(
        PLAIN, url="{{ connection.a }}/{{ connection.b }}", headers=(("X", "{{connection.c}}"),)
    )

    with pytest.raises(InvalidRequest) as refused:
        fill(template, {"b": "1", "z": "2"})

    assert [problem.field for problem in refused.value.problems] == ["url", "headers"]
    assert "{{ connection.a }} is unknown. The connection has told b, z." in str(refused.value)
    assert "{{ connection.c }} is unknown." in str(refused.value)


def test_a_body_that_is_not_sent_blocks_nothing() -> None:
    template = replace(PLAIN, body="{{ connection.v }}")

    assert names_in(template) == set()
    assert fill(template, {}) == template


@pytest.mark.parametrize(
    ("typed", "is_made_up"),
    [
        ("{{ connection.v }}/a/{{ connection.w }}", True),
        ("https://{{ connection.v }}/a", True),
        ("https://{{ connection.v }}.zendesk.com/a", True),
        ("https://a.example/{{ connection.v }}?x={{ connection.w }}", False),
    ],
)
def test_before_the_provider_has_told_a_value_the_rest_can_be_judged(typed: str, is_made_up: bool) -> None:
    template = replace(
        PLAIN, url=typed, body_kind=BodyKind.JSON, body='{"a": {{ connection.x }}, "b": "{{ connection.x }}"}'
    )

    filled = fill(template, stand_ins(template, {}))

    assert render(filled).url.startswith("https://")
    assert is_stand_in(filled.url) is is_made_up
