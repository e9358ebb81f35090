"""`{{ name }}` in a request, put in as each place wants it."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from requests_builder.rendering import (
    ApiKey,
    Basic,
    Bearer,
    BodyKind,
    BodyPart,
    InvalidRequest,
    Place,
    RenderedRequest,
    RequestTemplate,
    render,
)
from requests_builder.variables import (
    Filled,
    Known,
    Secret,
    UndefinedVariable,
    fill,
    filled,
    is_reference,
    is_stand_in,
    names_in,
    objection_to_name,
    revealed,
    sealed,
    stand_ins,
)

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
PLAIN = RequestTemplate("GET", "https://api.example/contacts")
KEY = Secret("key", "k1", "s3cret & <more>")


def known(**own: str | Secret) -> Known:
    return Known(NOW, own=own)


def url(typed: str, **values: str) -> str:
    return fill(replace(PLAIN, url=typed), known(**values)).template.url


def body(typed: str, kind: BodyKind = BodyKind.JSON, media_type: str = "", **values: str) -> str:
    template = replace(PLAIN, body_kind=kind, body=typed, body_media_type=media_type)
    return fill(template, known(**values)).template.body


def header(typed: str, what: Known | None = None, **values: str) -> str:
    return fill(replace(PLAIN, headers=(("X", typed),)), what or known(**values)).template.headers[0][1]


def refusal(template: RequestTemplate, **values: str | Secret) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        fill(template, known(**values))
    return refused.value.field, str(refused.value)


def sent(template: RequestTemplate, **values: str | Secret) -> RenderedRequest:
    """The request as it leaves."""
    result = fill(template, known(**values))
    return revealed(render(result.template), result.seals)


# Places


@pytest.mark.requirement("R52")
@pytest.mark.parametrize(
    ("typed", "value", "expected"),
    [
        ("{{ v }}/a", "https://acme.example", "https://acme.example/a"),
        ("{{v}}/a", "https://acme.example/", "https://acme.example/a"),
        ("{{ v }}/a", "https://acme.example:8443/base/v1/", "https://acme.example:8443/base/v1/a"),
        ("{{ v }}?a=1", "https://acme.example", "https://acme.example?a=1"),
        ("https://{{ v }}/a", "acme.example:8443", "https://acme.example:8443/a"),
        ("https://{{ v }}.zendesk.com/a", "acme", "https://acme.zendesk.com/a"),
        ("https://{{ v }}.{{ v }}.example/a", "x", "https://x.x.example/a"),
        ("https://a.example/{{ v }}/b", "x y/ü?#%2e", "https://a.example/x%20y/%C3%BC%3F%23%252e/b"),
        ("https://a.example/{{ v }}", "stores/abc", "https://a.example/stores/abc"),
        ("https://a.example/?q={{ v }}", "a/b&c=d#e", "https://a.example/?q=a%2Fb%26c%3Dd%23e"),
        ("https://a.example/?{{ v }}=1", "a&b", "https://a.example/?a%26b=1"),
        ("https://a.example/?q=%7B%7B+v+%7D%7D", "1", "https://a.example/?q=1"),
        ("https://a.example/?q=%7b%7bv%7d%7d", "1", "https://a.example/?q=1"),
        ("https://a.example/?q={{%20v%20}}", "1", "https://a.example/?q=1"),
        ("https://a.example/?q={{+v+}}", "1", "https://a.example/?q=1"),
        ("https://a.example/?q={{ v }}", "{{ v }}", "https://a.example/?q=%7B%7B%20v%20%7D%7D"),
    ],
)
def test_in_a_url_a_value_is_escaped_for_its_place(typed: str, value: str, expected: str) -> None:
    assert url(typed, v=value) == expected


@pytest.mark.requirement("R52")
@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("https://{{ v }}/a", "evil.example#"),
        ("https://{{ v }}/a", "a@evil.example"),
        ("https://{{ v }}/a", "evil.example/"),
        ("https://{{ v }}/a", "https://evil.example"),
        ("https://{{ v }}.zendesk.com/", "evil.example\\"),
        ("https://{{ v }}.zendesk.com/", "evil.example?"),
        ("{{ v }}/a", "https://good.example@evil.example"),
        ("{{ v }}/a", "javascript:alert(1)"),
        ("{{ v }}/a", "https://a.example/../x"),
        ("https://a.example/{{ v }}/b", ".."),
        ("https://a.example/{{ v }}/b", "../../admin"),
        ("https://a.example/{{ v }}/b", "a//b"),
        ("https://a.example/{{ v }}/b", ""),
    ],
)
def test_no_value_leads_out_of_its_place(typed: str, value: str) -> None:
    field, sentence = refusal(replace(PLAIN, url=typed), v=value)

    assert field == "url"
    assert sentence.startswith("{{ v }} ")
    # A value may be anything, so no sentence repeats it.
    assert value not in sentence or not value.strip(".")


def test_in_json_a_value_stays_inside_its_quotation_marks() -> None:
    assert body('{"a": "x-{{ v }}"}', v='"}, "b": "\\\n') == '{"a": "x-\\"}, \\"b\\": \\"\\\\\\n"}'


@pytest.mark.parametrize("value", ["12", "-1.5", "true", "null", "9007199254740993"])
def test_outside_of_quotation_marks_stands_what_json_has_there(value: str) -> None:
    assert body('{"a": {{ v }}}', v=value) == f'{{"a": {value}}}'


@pytest.mark.parametrize("value", ["abc", '"abc"', "1, 2", '1, "b": 2', "01", "{}", ""])
def test_outside_of_quotation_marks_nothing_else_can_stand(value: str) -> None:
    field, sentence = refusal(replace(PLAIN, body_kind=BodyKind.JSON, body='["", {{ v }}]'), v=value)

    assert field == "body"
    assert "put quotation marks around it" in sentence


def test_in_xml_a_value_makes_no_markup() -> None:
    assert body("<a b='{{ v }}'>{{ v }}</a>", BodyKind.XML, v="<b>&'\"") == (
        "<a b='&lt;b&gt;&amp;&apos;&quot;'>&lt;b&gt;&amp;&apos;&quot;</a>"
    )
    cdata = replace(PLAIN, body_kind=BodyKind.XML, body="<a><![CDATA[{{ v }}]]></a>")
    assert fill(cdata, known(v="a & b")).template.body == "<a><![CDATA[a & b]]></a>"
    assert "CDATA" in refusal(cdata, v="]]><evil/>")[1]


@pytest.mark.parametrize(
    ("query", "value", "expected"),
    [
        ('{ a(b: "{{ v }}") }', 'x"y\n', '{ a(b: "x\\"y\\n") }'),
        ("{ a(first: {{ v }}) }", "10", "{ a(first: 10) }"),
        ('{ a(b: """{{ v }}""") }', "x\ny", '{ a(b: """x\ny""") }'),
        ("# don't \"\n{ a(first: {{ v }}) }", "10", "# don't \"\n{ a(first: 10) }"),
        ('{ a(b: """a " b""", first: {{ v }}) }', "ADMIN", '{ a(b: """a " b""", first: ADMIN) }'),
    ],
)
def test_in_graphql_a_value_is_a_text_or_a_word(query: str, value: str, expected: str) -> None:
    assert body(query, BodyKind.GRAPHQL, v=value) == expected


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("{ a(first: {{ v }}) }", "1) { secret } b("),
        ('{ a(b: """a " b""", first: {{ v }}) }', "1) { secret } b("),
        ('{ a(b: """{{ v }}""") }', '""") { secret }'),
        ('{ a(b: """{{ v }}""") }', "\\"),
    ],
)
def test_in_graphql_no_value_leads_out_of_its_place(query: str, value: str) -> None:
    assert refusal(replace(PLAIN, body_kind=BodyKind.GRAPHQL, body=query), v=value)[0] == "body"


def test_graphql_variables_are_json() -> None:
    template = replace(
        PLAIN, body_kind=BodyKind.GRAPHQL, body="{ a }", graphql_variables='{"q": "{{ v }}", "n": {{ n }}}'
    )

    assert sent(template, v='"', n="3").body == b'{"query": "{ a }", "variables": {"q": "\\"", "n": 3}}'
    assert refusal(template, v="", n="x")[0] == "graphql_variables"


def test_a_raw_body_is_escaped_as_its_media_type_says() -> None:
    assert body('{"a": "{{ v }}"}', BodyKind.RAW, "application/vnd.api+json", v='"') == '{"a": "\\""}'
    assert body("<a>{{ v }}</a>", BodyKind.RAW, "text/xml", v="<") == "<a>&lt;</a>"
    assert body("{{ v }};1", BodyKind.RAW, "text/csv", v="a\n") == "a\n;1"


def test_a_form_is_filled_in_names_and_values() -> None:
    parts = (BodyPart("a-{{ v }}", "{{ v }}"),)

    assert sent(replace(PLAIN, body_kind=BodyKind.FORM, body_parts=parts), v="x&y=1").body == (
        b"a-x%26y%3D1=x%26y%3D1"
    )
    multipart = sent(replace(PLAIN, body_kind=BodyKind.MULTIPART, body_parts=parts), v='x"\r\n--').body or b""
    assert b'name="a-x%22%0D%0A--"' in multipart


def test_headers_are_filled_in_names_and_values_and_take_no_line_breaks() -> None:
    template = replace(PLAIN, headers=(("X-{{ n }}", "{{ v }}"),))

    assert fill(template, known(n="Tenant", v="acme")).template.headers == (("X-Tenant", "acme"),)
    for values in ({"n": "A", "v": "acme\r\nX-Admin: 1"}, {"n": "A: 1\r\nB", "v": ""}):
        with pytest.raises(InvalidRequest) as refused:
            render(fill(template, known(**values)).template)
        assert refused.value.field == "headers"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (Bearer("{{ v }}"), Bearer("x")),
        (Basic("{{ v }}", "a{{ v }}"), Basic("x", "ax")),
        (ApiKey(Place.QUERY, "{{ v }}", "{{ v }}"), ApiKey(Place.QUERY, "x", "x")),
    ],
)
def test_credentials_are_filled_in(typed: Any, expected: Any) -> None:
    assert fill(replace(PLAIN, authorization=typed), known(v="x")).template.authorization == expected


def test_a_body_that_is_not_sent_blocks_nothing() -> None:
    template = replace(PLAIN, body="{{ v }}", graphql_variables="{{ w }}")

    assert names_in(template) == set()
    assert fill(template, known()).template == template


# What is a variable, and what is text


@pytest.mark.parametrize(
    "typed",
    [
        "{{7*7}}",
        "{{''.__class__}}",
        "{% debug %}",
        "${7*7}",
        "%s",
        "{0.__class__}",
        "{v}",
        "{{#if v}}",
        "{{/each}}",
        "{{> partial}}",
        "{{{ v }}}",
        "{{}}",
        "{{",
        "}} {{",
    ],
)
def test_nothing_else_in_braces_is_looked_at(typed: str) -> None:
    assert body(typed, BodyKind.RAW, v="1") == typed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (r"\{{ v }}", "{{ v }}"),
        (r"\{{#if v}} \{{v}}{{ v }}", "{{#if v}} {{v}}1"),
        (r"C:\\{{ v }}", r"C:\\1"),
        (r"\\\{{ v }}", r"\\{{ v }}"),
    ],
)
def test_a_backslash_makes_text_of_it(typed: str, expected: str) -> None:
    assert body(typed, BodyKind.RAW, v="1") == expected


def test_a_backslash_makes_text_of_it_in_a_url_too() -> None:
    for typed in (r"?q=\{{ v }}", "?q=%5C%7B%7B+v+%7D%7D"):
        assert render(fill(replace(PLAIN, url=f"https://a.example/{typed}"), known()).template).url in (
            "https://a.example/?q=%7B%7B%20v%20%7D%7D",
            "https://a.example/?q=%7B%7B+v+%7D%7D",
        )


def test_braces_of_json_next_to_those_of_a_variable_are_not_mixed_up() -> None:
    assert body('{"a":{"b":{{ v }}}}', v="1") == '{"a":{"b":1}}'


@pytest.mark.parametrize("hostile", ["{{ a", "{{", "\\", "{{ ", "%7B%7B", "%5C", "}}"])
def test_any_number_of_braces_and_backslashes_is_read_in_no_time(hostile: str) -> None:
    typed = hostile * 50_000
    began = time.process_time()

    assert body(typed, BodyKind.RAW) == typed
    filled(replace(PLAIN, url=f"https://a.example/{typed}"), known())

    # Quadratic, it would take minutes.
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("{{ first name }}", "“name” makes no sense there"),
        ("{{ v | upper }}", "after | stands how a date is written"),
        ("{{ today - 7 dayz }}", "“dayz” is no span of time"),
        ("{{ start of decade }}", "after “start of” stands one of hour, day"),
        ('{{ today | date:"%Q" }}', "“%Q” means nothing in a date"),
        ('{{ today | iso:"%Y" }}', "iso takes nothing after it"),
        ("{{ v or }}", "“or” makes no sense there"),
        ("{{ v() }}", "“()” makes no sense there"),
    ],
)
def test_what_begins_like_a_variable_and_is_none_is_refused_with_the_reason(typed: str, reason: str) -> None:
    field, sentence = refusal(replace(PLAIN, headers=(("X", typed),)), v="1")

    assert field == "headers"
    assert sentence.startswith(f"{typed} cannot be read: {reason}")
    assert sentence.endswith(r"For text in braces write \{{.")


@pytest.mark.requirement("R52")
def test_all_that_is_unknown_is_named_at_its_field_with_what_may_be_meant() -> None:
    template = replace(
        PLAIN,
        url="https://{{ hosst }}/{{ connection.b }}",
        headers=(("X", "{{connection.c}}"), ("Y", "{{ $guid }}")),
        authorization=Bearer("{{ tokn }}"),
    )

    with pytest.raises(UndefinedVariable) as refused:
        fill(template, Known(NOW, own={"host": "a", "token": "b"}, connection={"b": "1", "z": "2"}))

    assert [problem.field for problem in refused.value.problems] == [
        "url",
        "headers",
        "headers",
        "bearer_token",
    ]
    sentence = str(refused.value)
    assert "{{ hosst }} is unknown. Did you mean {{ host }}?" in sentence
    assert "{{ connection.c }} is unknown. The connection has told b, z." in sentence
    assert "{{ $guid }} is unknown. Here that is {{ run.id }}." in sentence
    assert "{{ tokn }} is unknown. Did you mean {{ token }}?" in sentence


@pytest.mark.parametrize("name", ["connection.client_secret", "request", "settings.SECRET_KEY", "__class__"])
def test_there_is_no_way_to_anything_else(name: str) -> None:
    assert "is unknown" in refusal(replace(PLAIN, headers=(("X", f"{{{{ {name} }}}}"),)))[1]


def test_the_first_that_is_there_counts() -> None:
    what = Known(NOW, own={"a": "1"}, last_run={})

    assert header('{{ b or a or "2" }}', what) == "1"
    assert header("{{ b or 'x y' }}", what) == "x y"
    assert header("{{ last_run.due_at or today - 30 days | date }}", what) == "2026-10-24"
    assert "{{ b or c }} is unknown" in refusal(replace(PLAIN, headers=(("X", "{{ b or c }}"),)))[1]


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("a", True),
        ("_a-1.b", True),
        ("start", True),
        ("today_token", True),
        ("runner", True),
        ("today", False),
        ("today-1", False),
        ("now.x", False),
        ("connection.a", False),
        ("run", False),
        ("1a", False),
        ("a b", False),
        ("a..b", False),
        ("$a", False),
        ("ä", False),
        ("", False),
        ("a" * 101, False),
    ],
)
def test_names_of_variables_are_those_that_can_be_asked_for(name: str, is_good: bool) -> None:
    assert (objection_to_name(name) == "") is is_good
    if is_good:
        assert header(f"{{{{ {name} }}}}", **{name: "v"}) == "v"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("{{ a }}", True),
        (" Bearer {{ a }} ", True),
        ("{{ a }}{{ b }}", True),
        ("x{{ a }}", False),
        ("{{ a }} x", False),
        ("abc def {{ a }}", False),
        ("abc", False),
        ("", False),
    ],
)
def test_a_text_of_nothing_but_variables_is_told_from_one_with_a_secret_in_it(
    text: str, is_one: bool
) -> None:
    assert is_reference(text) is is_one


# Secrets


def test_a_secret_is_not_in_the_request_until_it_leaves() -> None:
    template = replace(
        PLAIN,
        url="https://a.example/{{ key }}?q={{ key }}",
        headers=(("X-Key", "Token {{ key }}"),),
        body_kind=BodyKind.JSON,
        body='{"k": "{{ key }}"}',
    )

    result = fill(template, known(key=KEY))
    rendered = render(result.template)
    leaving = revealed(rendered, result.seals)

    assert "s3cret" not in f"{rendered.url}{rendered.headers}{rendered.body!r}{result!r}"
    assert leaving.url == "https://a.example/s3cret%20%26%20%3Cmore%3E?q=s3cret%20%26%20%3Cmore%3E"
    assert leaving.header("X-Key") == "Token s3cret & <more>"
    assert leaving.body == b'{"k": "s3cret & <more>"}'
    assert (result.secrets, result.has_secret_in_url) == ((KEY,), True)


@pytest.mark.parametrize(
    ("kind", "typed", "value", "expected"),
    [
        (BodyKind.JSON, '{"a": "{{ key }}"}', 'a"\n', b'{"a": "a\\"\\n"}'),
        (BodyKind.JSON, '{"a": {{ key }}}', "42", b'{"a": 42}'),
        (BodyKind.XML, "<a>{{ key }}</a>", "a<b", b"<a>a&lt;b</a>"),
        (BodyKind.GRAPHQL, '{ a(b: "{{ key }}") }', 'a"b', b'{"query": "{ a(b: \\"a\\\\\\"b\\") }"}'),
        (BodyKind.RAW, "{{ key }}", "a&b", b"a&b"),
    ],
)
def test_in_a_body_a_secret_is_escaped_like_any_value(
    kind: BodyKind, typed: str, value: str, expected: bytes
) -> None:
    plain = sent(replace(PLAIN, body_kind=kind, body=typed), key=value)
    secret = sent(replace(PLAIN, body_kind=kind, body=typed), key=Secret("key", "k1", value))

    assert secret.body == plain.body == expected


def test_in_a_form_a_secret_is_escaped_like_any_value() -> None:
    template = replace(PLAIN, body_kind=BodyKind.FORM, body_parts=(BodyPart("k", "{{ key }}"),))

    assert sent(template, key=KEY).body == sent(template, key=KEY.text or "").body


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (replace(PLAIN, url="https://{{ key }}/"), "url"),
        (replace(PLAIN, url="{{ key }}/a"), "url"),
        (replace(PLAIN, url="https://{{ key }}.example/"), "url"),
        (replace(PLAIN, headers=(("X-{{ key }}", "1"),)), "headers"),
        (replace(PLAIN, authorization=ApiKey(Place.HEADER, "{{ key }}", "1")), "api_key_name"),
        (
            replace(PLAIN, body_kind=BodyKind.FORM, body_parts=(BodyPart("{{ key }}", "1"),)),
            "body_pairs",
        ),
        (
            replace(PLAIN, body_kind=BodyKind.RAW, body="x", body_media_type="{{ key }}"),
            "body_media_type",
        ),
    ],
)
@pytest.mark.parametrize("text", ["secret", None])
def test_a_secret_is_no_host_and_no_name(template: RequestTemplate, field: str, text: str | None) -> None:
    where, sentence = refusal(template, key=Secret("key", "k1", text))

    assert where == field
    assert "{{ key }} is a secret" in sentence


@pytest.mark.parametrize("text", ["a\r\nX-Admin: 1", "a\0", "ä"])
def test_a_secret_that_a_header_cannot_carry_is_refused(text: str) -> None:
    field, sentence = refusal(replace(PLAIN, headers=(("X", "{{ key }}"),)), key=Secret("key", "k", text))

    assert field == "headers"
    assert text not in sentence


def test_a_secret_is_no_date() -> None:
    assert "is a secret" in refusal(replace(PLAIN, headers=(("X", "{{ key | date }}"),)), key=KEY)[1]


def test_a_request_can_be_judged_without_knowing_its_secrets() -> None:
    unread = Secret("key", "k1")
    template = replace(
        PLAIN,
        url="https://a.example/?q={{ key }}",
        authorization=Basic("{{ key }}", "{{ key }}"),
        body_kind=BodyKind.JSON,
        body='{"a": {{ key }}, "b": "{{ key }}"}',
    )

    assert render(fill(template, known(key=unread)).template).body is not None


def test_of_a_next_link_that_repeats_a_secret_the_secret_is_taken_out_again() -> None:
    result = fill(replace(PLAIN, url="https://a.example/?q={{ key }}"), known(key=KEY))
    for repeated in ("s3cret%20%26%20%3Cmore%3E", "s3cret+%26+%3Cmore%3E"):
        following = RenderedRequest("GET", f"https://a.example/?q={repeated}&page=2")
        kept = sealed(following, result.seals, result.secrets)

        assert "s3cret" not in kept.url
        assert revealed(kept, result.seals).url == "https://a.example/?q=s3cret%20%26%20%3Cmore%3E&page=2"


def test_no_secret_gets_into_the_host_by_its_number() -> None:
    result = fill(replace(PLAIN, url="https://a.example/?q={{ key }}"), known(key=KEY))
    number = result.seals[0].number

    assert revealed(RenderedRequest("GET", f"https://{number}.example/"), result.seals).url == (
        f"https://{number}.example/"
    )


# Before anything is known


@pytest.mark.requirement("R52")
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

    result = fill(template, Known(NOW, connection=stand_ins(template, {}, "connection")))

    assert render(result.template).url.startswith("https://")
    assert is_stand_in(result.template.url) is is_made_up


def test_with_problems_what_has_none_is_filled_in() -> None:
    result: Filled = filled(replace(PLAIN, url="https://a.example/{{ v }}/{{ w }}"), known(v="1"))

    assert result.template.url == "https://a.example/1/{{ w }}"
    assert result.undefined == ("w",)
