"""Postman collections, HAR files and OpenAPI documents: what of them becomes requests, what is refused."""

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_builder.importing import Contents, Entry, Refused, RequestDraft, parse_file, text_of
from requests_builder.rendering import ApiKey, Basic, Bearer, NoAuthorization, Place
from tests.requests_builder.import_documents import HAR, OPENAPI, POSTMAN, SWAGGER


def contents_of(document: Any) -> Contents:
    return parse_file(json.dumps(document))


def entry(document: Any, name: str) -> Entry:
    return next(found for found in contents_of(document).entries if found.name == name)


def draft(document: Any, name: str) -> RequestDraft:
    found = entry(document, name).draft
    assert found is not None
    return found


# Postman


def test_a_collection_gives_its_requests_with_their_folders() -> None:
    contents = contents_of(POSTMAN)

    assert (contents.kind, contents.name) == ("Postman collection", "CRM")
    assert [(found.folder, found.name) for found in contents.entries] == [
        ("Contacts", "List contacts"),
        ("Contacts", "One contact"),
        ("Contacts / Admin", "Make one"),
        ("", "Log in"),
        ("", "Graph"),
        ("", "Upload"),
        ("", "Signed"),
    ]
    assert "The collection's own scripts" in contents.notes[0]


def test_rows_that_are_off_are_left_out_and_variables_come_along() -> None:
    found = draft(POSTMAN, "List contacts")

    assert found.url == "{{ baseUrl }}/v1/contacts?limit=10&q=a%20b"
    assert found.headers == (("X-Tenant", "{{ tenant }}"),)
    assert dict(found.variables) == {"baseUrl": "https://api.crm.example", "tenant": "acme"}


def test_what_a_folder_or_the_collection_says_about_authorization_is_inherited() -> None:
    assert draft(POSTMAN, "List contacts").authorization == Bearer("{{ access_token }}")
    assert draft(POSTMAN, "One contact").authorization == NoAuthorization()
    assert draft(POSTMAN, "Make one").authorization == ApiKey(Place.HEADER, "X-Admin-Key", "k-false")
    assert draft(POSTMAN, "Log in").authorization == Basic("ann", "pw-false")


def test_variables_of_a_path_are_filled_or_left_to_be_filled() -> None:
    assert draft(POSTMAN, "One contact").url == "{{ baseUrl }}/v1/contacts/42/notes/{{ noteId }}"


def test_each_kind_of_body_is_taken() -> None:
    assert draft(POSTMAN, "Make one").body.text == '{"id": "{{ run.id }}", "name": "{{$randomFullName}}"}'
    assert draft(POSTMAN, "Make one").body.kind == "json"
    assert (draft(POSTMAN, "Log in").body.kind, draft(POSTMAN, "Log in").body.pairs) == (
        "form",
        (("a", "1"),),
    )
    graph = draft(POSTMAN, "Graph").body
    assert (graph.kind, graph.text, graph.variables) == ("graphql", "{ me { id } }", '{"n": 1}')


def test_what_cannot_be_taken_is_said() -> None:
    assert "uploads a file" in entry(POSTMAN, "Upload").refusal
    assert "AWS signature authorization cannot be used" in " ".join(entry(POSTMAN, "Signed").notes)
    notes = " ".join(entry(POSTMAN, "Make one").notes)
    assert "scripts" in notes
    assert "{{$randomFullName}} is made up by Postman" in notes


def test_oauth_asks_for_a_connection_and_tells_its_facts() -> None:
    found = entry(POSTMAN, "Graph")

    assert found.draft is not None
    assert found.draft.wants_connection
    assert "Token URL https://login.crm.example/token; Scopes read" in " ".join(found.notes)


def test_secret_variables_are_named_and_not_taken() -> None:
    document = {**POSTMAN, "item": [{"name": "x", "request": "https://a.example/?q={{apiSecret}}"}]}
    found = entry(document, "x")

    assert found.draft is not None
    assert found.draft.variables == ()
    assert "{{ apiSecret }}" in " ".join(found.notes)
    assert "s3cret" not in repr(found) + " ".join(found.notes)


def test_settings_and_addresses_without_a_scheme_are_understood() -> None:
    found = draft(POSTMAN, "Log in")

    assert (found.url, found.follow_redirects) == ("https://login.crm.example/token", False)


def test_a_variable_does_not_become_one_of_our_own_by_its_name() -> None:
    document = {**POSTMAN, "item": [{"name": "x", "request": "https://a.example/{{today}}/{{my id!}}"}]}

    assert draft(document, "x").url == "https://a.example/{{ own_today }}/{{ my_id }}"


def test_a_collection_wrapped_by_the_api_of_postman_is_read() -> None:
    assert contents_of({"collection": POSTMAN}).name == "CRM"


# HAR


def test_a_har_file_gives_its_requests_by_host_and_marks_what_only_a_page_needs() -> None:
    contents = contents_of(HAR)

    assert [(found.folder, found.name, found.detail, found.is_background) for found in contents.entries] == [
        ("api.app.example", "GET /v1/items", "200", False),
        ("api.app.example", "POST /v1/items", "201", False),
        ("api.app.example", "POST /v1/form", "", False),
        ("api.app.example", "POST /v1/photo", "200", False),
        ("app.example", "GET /app.js", "200", True),
    ]


def test_what_a_browser_adds_is_left_out_and_said() -> None:
    found = entry(HAR, "GET /v1/items")

    assert found.draft is not None
    assert found.draft.url == "https://api.app.example/v1/items?page=2"
    assert found.draft.headers == (("accept", "application/json"), ("x-tenant", "acme"))
    assert found.draft.authorization == Bearer("t-false")
    notes = " ".join(found.notes)
    for words in ("sec-fetch-mode, user-agent, if-none-match", "cookies", "content-length"):
        assert words in notes
    assert "false" not in notes


def test_bodies_of_a_har_file_are_taken_or_refused() -> None:
    assert draft(HAR, "POST /v1/items").body.text == '{"a": 1}'
    assert draft(HAR, "POST /v1/items").headers == ()
    assert draft(HAR, "POST /v1/form").body.pairs == (("a", "1"),)
    refused = entry(HAR, "POST /v1/photo")
    assert "uploads a file" in refused.refusal
    assert "k-false" not in refused.url


# OpenAPI


def test_operations_come_by_their_tags_with_the_names_that_they_have() -> None:
    contents = contents_of(OPENAPI)

    assert (contents.kind, contents.name) == ("OpenAPI document", "Pets")
    assert [(found.folder, found.name, found.detail) for found in contents.entries] == [
        ("Pets", "List pets", ""),
        ("Pets", "createPet", ""),
        ("Pets", "GET /pets/{petId}", "deprecated"),
        ("pets", "DELETE /pets/{petId}", ""),
        ("stores", "POST /stores/{store.id}/form", ""),
        ("part", "POST /part", ""),
    ]
    assert "In the address, region is eu; there is also us." in contents.notes
    assert "sandbox.pets.example" in " ".join(contents.notes)


def test_required_parameters_have_values_or_variables_and_optional_ones_are_named() -> None:
    found = entry(OPENAPI, "List pets")

    assert found.draft is not None
    assert found.draft.url == ("https://eu.pets.example/v2/pets?status=free&owner={{ owner }}&ids=1&ids=2")
    assert found.draft.headers == (("X-Tenant", "acme"), ("Accept", "text/csv"))
    assert "Left out, for these parameters are optional: limit." in found.notes


def test_parameters_of_a_path_become_variables() -> None:
    found = draft(OPENAPI, "GET /pets/{petId}")

    assert found.url == "https://eu.pets.example/v2/pets/{{ petId }}"
    assert found.variables == (("petId", "7"),)
    assert draft(OPENAPI, "POST /stores/{store.id}/form").url.endswith("/stores/{{ store_id }}/form")


def test_a_body_is_made_from_its_schema_and_ends_where_it_holds_itself() -> None:
    found = entry(OPENAPI, "createPet")

    assert found.draft is not None
    assert json.loads(found.draft.body.text) == {"name": "Rex", "parent": None, "tags": ["string"]}
    assert "Left out, for these fields of the body are optional: born." in found.notes


def test_security_schemes_become_kinds_of_authorization() -> None:
    assert draft(OPENAPI, "List pets").authorization == ApiKey(Place.HEADER, "X-Api-Key", "")
    assert draft(OPENAPI, "GET /pets/{petId}").authorization == NoAuthorization()
    assert draft(OPENAPI, "DELETE /pets/{petId}").authorization == Bearer("")
    assert draft(OPENAPI, "POST /stores/{store.id}/form").authorization == Basic("", "")
    oauth = entry(OPENAPI, "createPet")
    assert oauth.draft is not None
    assert oauth.draft.wants_connection
    assert "Authorization Base URL https://login.pets.example/authorize" in " ".join(oauth.notes)
    assert "mutualTLS, which cannot be used here" in " ".join(entry(OPENAPI, "POST /part").notes)


def test_references_out_of_the_document_are_named_and_never_followed() -> None:
    assert "https://evil.example/paths.yaml" in " ".join(contents_of(OPENAPI).notes)
    assert "file:///etc/passwd" in " ".join(entry(OPENAPI, "POST /part").notes)


def test_a_form_has_its_required_rows() -> None:
    found = entry(OPENAPI, "POST /stores/{store.id}/form")

    assert found.draft is not None
    assert (found.draft.body.kind, found.draft.body.pairs) == ("form", (("name", "Ann"),))
    assert "these rows of the form are optional: note" in " ".join(found.notes)


def test_several_keys_that_are_wanted_at_once_are_all_there() -> None:
    document = {**OPENAPI, "security": [{"key": [], "app": []}]}
    document["components"]["securitySchemes"]["app"] = {"type": "apiKey", "in": "query", "name": "app_id"}
    found = draft(document, "List pets")

    assert found.authorization == ApiKey(Place.HEADER, "X-Api-Key", "")
    assert found.url.endswith("&app_id={{ app_id }}")


def test_a_document_without_a_host_asks_for_one() -> None:
    contents = contents_of({**OPENAPI, "servers": [{"url": "/v3"}]})

    assert contents.entries[0].url.startswith("{{ base_url }}/v3/pets")
    assert "on which host" in contents.notes[0]


def test_swagger_is_read_as_well() -> None:
    get, post, put = contents_of(SWAGGER).entries

    assert get.draft is not None
    assert get.draft.url == "https://old.pets.example/v1/pets?status=free"
    assert get.draft.headers == (("Accept", "application/xml"),)
    assert get.draft.wants_connection
    assert "Token URL https://login.pets.example/t; Scopes read" in " ".join(get.notes)
    assert post.draft is not None
    assert post.draft.authorization == Basic("", "")
    assert json.loads(post.draft.body.text) == {"name": "string"}
    assert put.draft is not None
    assert put.draft.body.pairs == (("name", "string"),)


def test_version_3_1_with_its_lists_of_types_is_read() -> None:
    schema = {
        "type": ["object", "null"],
        "properties": {"n": {"type": ["null", "integer"]}, "c": {"const": "x"}},
    }
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://a.example"}],
        "paths": {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}},
    }

    found = contents_of(document).entries[0].draft
    assert found is not None
    assert json.loads(found.body.text) == {"n": 0, "c": "x"}


def test_yaml_means_the_same_as_json() -> None:
    assert parse_file(yaml.safe_dump(OPENAPI, sort_keys=False)) == contents_of(OPENAPI)


def test_yaml_keeps_dates_times_and_words_as_they_are_written() -> None:
    text = """
openapi: 3.0.0
servers: [{url: https://a.example}]
x-common: &common {in: query, required: true}
paths:
  /x:
    get:
      parameters:
        - {<<: *common, name: day, example: 2026-01-31}
        - {<<: *common, name: at, example: 12:30:00}
        - {<<: *common, name: country, example: NO}
        - {<<: *common, name: zip, example: 01234}
        - {<<: *common, name: sum, example: 1.50}
        - {<<: *common, name: on, example: true}
      responses:
        200: {description: ok}
"""
    assert parse_file(text).entries[0].url == (
        "https://a.example/x?day=2026-01-31&at=12:30:00&country=NO&zip=01234&sum=1.5&on=true"
    )


# What is refused, and what must not hurt


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

REFUSED: list[tuple[str, str]] = [
    ("", "nothing in it"),
    ("   ", "nothing in it"),
    ("hello there", "neither JSON nor YAML"),
    ("<html></html>", "neither JSON nor YAML"),
    ('{"a": 1,}', "line 1, column"),
    ("a: [1", "at line 2"),
    ("[1, 2]", "a list"),
    ("{}", "none of the files"),
    ("a: b", "none of the files"),
    (json.dumps({"id": "1", "name": "Old", "order": [], "requests": []}), "version 1"),
    (json.dumps({"_postman_variable_scope": "environment", "values": []}), "environment of Postman"),
    (json.dumps({"_type": "export", "__export_format": 4, "resources": []}), "Insomnia"),
    (json.dumps({"asyncapi": "3.0.0"}), "AsyncAPI"),
    (json.dumps({"data": {"__schema": {}}}), "GraphQL"),
    (json.dumps({"openapi": "4.0.0", "paths": {}}), "Version 4.0.0"),
    (json.dumps({"openapi": "3.0.0", "paths": {}}), "no request in this OpenAPI document"),
    (json.dumps({"info": {}, "item": []}), "no request in this Postman collection"),
    (json.dumps({"log": {"entries": []}}), "no request in this HAR file"),
    ('{"openapi": "3.0.0", "paths": ' + "[" * 5_000 + "]" * 5_000 + "}", "nested"),
    ('{"openapi": ' + "[" * 200_000, "nested too deeply"),
    ("openapi: " + "[" * 5_000 + "]" * 5_000, "nested more than 100"),
    ("openapi: " + "{a: " * 200_000, "nested more than 100"),
    (BOMB, "aliases written out"),
    ("a: &a [*a]\nopenapi: 3.0.0", "names nothing"),
    ("a: *b\n", "names nothing"),
    ("? [a, b]\n: c\n", "neither JSON nor YAML"),
    ("a: b\n? [a, b]\n: c\n", "not a word"),
    ("a: !!python/object/apply:os.system [id]\n", "none of the files"),
    ("x" * (10 * 2**20 + 1), "neither JSON nor YAML"),
    ('{"a": "' + "x" * (10 * 2**20) + '"}', "larger than 10 MB"),
    ("a: " + "x" * (5 * 2**20), "up to 4 MB"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[f"{said} {text[:20]!r}" for text, said in REFUSED])
def test_what_is_none_of_these_files_is_refused_with_what_to_do(text: str, said: str) -> None:
    began = time.process_time()

    with pytest.raises(Refused) as refusal:
        parse_file(text)

    assert said in str(refusal.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"PK\x03\x04rest", "ZIP"), (b"\x89PNG\r\n\x1a\n\xff", "no text"), (b"x" * (10 * 2**20 + 1), "10 MB")],
    ids=["archive", "picture", "large"],
)
def test_a_file_that_is_no_text_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        text_of(raw)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_the_encoding_that_it_begins_with(encoding: str) -> None:
    assert text_of('{"a": "ü"}'.encode(encoding)) == '{"a": "ü"}'


def test_schemas_that_hold_each_other_many_times_over_take_little_time_and_room() -> None:
    names = [f"S{number}" for number in range(40)]
    properties = {name: {"$ref": f"#/components/schemas/{name}"} for name in names}
    schemas = {name: {"type": "object", "properties": properties} for name in names}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    paths = {f"/{number}": {"post": {"requestBody": body}} for number in range(100)}
    began = time.process_time()

    contents = contents_of({"openapi": "3.0.0", "components": {"schemas": schemas}, "paths": paths})

    assert time.process_time() - began < 10
    assert sum(len(found.draft.body.text) for found in contents.entries if found.draft) < 10_000_000


def test_a_large_example_that_everything_refers_to_is_not_copied_everywhere() -> None:
    media = {"application/json": {"example": {"a": "x" * 2_000_000}}}
    document = {
        "openapi": "3.0.0",
        "components": {"requestBodies": {"B": {"content": media}}},
        "paths": {
            f"/{n}": {"post": {"requestBody": {"$ref": "#/components/requestBodies/B"}}} for n in range(2_000)
        },
    }
    began = time.process_time()

    contents = contents_of(document)

    assert time.process_time() - began < 10
    assert all(len(found.draft.body.text) < 100 for found in contents.entries if found.draft)
    assert "too long" in " ".join(contents.entries[0].notes)


def test_schemas_that_are_made_of_many_others_take_little_time() -> None:
    schemas: dict[str, Any] = {
        f"S{level}x{number}": {
            "allOf": [{"$ref": f"#/components/schemas/S{level + 1}x{n}"} for n in range(10)]
        }
        for level in range(8)
        for number in range(10)
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0x0"}}}}
    paths = {f"/{number}": {"post": {"requestBody": body}} for number in range(50)}
    began = time.process_time()

    contents_of({"openapi": "3.0.0", "components": {"schemas": schemas}, "paths": paths})

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "url",
    ["{{" + " " * 1_000_000, "{{" * 500_000, "https://a.example/?" + "{{" * 500_000, ":a/" * 300_000],
    ids=["blanks", "braces", "braces in a query", "steps"],
)
def test_long_texts_are_read_in_one_pass(url: str) -> None:
    item = [{"name": "x", "request": {"url": {"raw": url, "query": [{"key": "q", "value": url}]}}}]
    began = time.process_time()

    contents_of({**POSTMAN, "item": item})

    assert time.process_time() - began < 5


def test_requests_beyond_those_that_are_shown_are_not_even_read() -> None:
    item = [{"name": "", "request": "a"}] * 200_000
    began = time.process_time()

    assert "200,000 requests" in contents_of({**POSTMAN, "item": item}).notes[0]
    assert time.process_time() - began < 5


def test_more_requests_than_can_be_shown_are_cut_and_it_is_said() -> None:
    item = [{"name": f"r{number}", "request": "https://a.example/x"} for number in range(2_100)]
    contents = contents_of({**POSTMAN, "item": item})

    assert len(contents.entries) == 2_000
    assert "2,100 requests" in contents.notes[0]


def test_what_no_database_and_no_request_can_hold_is_taken_out() -> None:
    request = {"url": "https://a.example/\0x", "body": {"mode": "raw", "raw": "a\0b\ud800"}}
    found = draft({**POSTMAN, "item": [{"name": "a\0", "request": request}]}, "a")

    assert (found.url, found.body.text) == ("https://a.example/x", "ab?")


WORDS = [
    *("$ref", "allOf", "anyOf", "auth", "bearer", "body", "content", "default", "enum", "event", "example"),
    *("examples", "formdata", "header", "headers", "in", "item", "items", "key", "method", "mode", "name"),
    *("oauth2", "parameters", "path", "postData", "properties", "query", "raw", "request", "requestBody"),
    *("required", "schema", "security", "style", "tags", "type", "url", "urlencoded", "value", "variable"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner
            | st.sampled_from(
                ["#", "#/paths", "array", "object", "query", "raw", "bearer", "https://a.example/"]
            ),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(VALUES, VALUES, VALUES)
def test_any_document_is_read_or_refused(one: Any, two: Any, three: Any) -> None:
    for document in (
        {
            "info": one,
            "auth": two,
            "item": [{"name": one, "request": two, "item": three}, {"request": three}],
        },
        {
            "log": {
                "entries": [
                    {"request": {"url": "https://a.example/", "headers": one, "postData": two}},
                    three,
                ]
            }
        },
        {"openapi": "3.1.0", "paths": {"/x": {"parameters": one, "get": two, "post": three}}, "servers": one},
        {
            "openapi": "3.0.0",
            "components": one,
            "security": two,
            "paths": {"/x": {"post": {"requestBody": three}}},
        },
        {"swagger": "2.0", "consumes": one, "securityDefinitions": two, "paths": {"/x": {"post": three}}},
    ):
        try:
            parse_file(json.dumps(document))
        except Refused as refusal:
            assert str(refusal)  # noqa: PT017 - either is right
