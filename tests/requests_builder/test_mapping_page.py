"""Response Field Mapping on the page, in the form, and in a team's file."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from requests_builder import manifest, mapping, samples
from requests_builder.forms import SavedRequestForm
from requests_builder.mapping import tried
from requests_builder.models import SavedRequest
from tests import factories
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db

ORDERS = {
    "data": [
        {"id": 1, "status": "paid", "is_active": True, "lines": [{"sku": "a"}, {"sku": "b"}]},
        {"id": 2, "status": "new", "is_active": False, "lines": []},
    ],
    "tags": ["x"],
}
COLUMNS = [
    {"path": "id", "name": "Number", "type": "integer"},
    {"path": "gone", "name": "Gone", "type": "text"},
]


def sample_of(team: Team, user: User, document: Any) -> str:
    headers = (("Content-Type", "application/json"),)
    body = json.dumps(document).encode()
    kept = samples.keep(
        team, user, url="https://api.example/", status=200, headers=headers, body=body, now=timezone.now()
    )
    return str(kept)


def ask(client: Client, sample: str, path: str = "data", config: object = None, **more: str) -> Any:
    posted = {"sample": sample, "records_path": path, "mapping": json.dumps(config) if config else ""}
    return client.post("/t/acme/requests/mapping/", posted | more)


def state_of(response: Any) -> dict[str, Any]:
    return dict(json.loads(response.context["state"]))


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def test_the_fields_of_the_last_answer_are_offered(signed_in: Client, team: Team, editor: User) -> None:
    response = ask(signed_in, sample_of(team, editor, ORDERS))

    state = state_of(response)
    assert [column["path"] for column in state["columns"]] == ["id", "status", "is_active", "lines"]
    assert state["columns"][1]["samples"] == ["paid", "new"]
    assert state["columns"][3]["array"]
    assert state["mapping"] == {}
    page = text(response)
    for part in ("2 records found", "data (2)", "tags (1)", "First 10", "Only active", "Rename fields"):
        assert part in page


def test_a_path_that_cannot_be_used_is_told_in_a_sentence(
    signed_in: Client, team: Team, editor: User
) -> None:
    sample = sample_of(team, editor, ORDERS)

    assert "is not a JMESPath expression" in text(ask(signed_in, sample, "data[?"))
    assert "The path nothing finds nothing." in text(ask(signed_in, sample, "nothing"))


def test_every_example_works_on_the_answer_that_it_is_for() -> None:
    for document in (ORDERS, ORDERS["data"], {"items": [{"state": "open", "x y": 1}]}, {"a": 1}):
        path = "data" if document is ORDERS else "items" if "items" in document else ""
        trial = tried(document, path, {})
        assert len(trial.examples) >= 2
        for _, example in trial.examples:
            if document == {"a": 1} and "[" in example:
                continue
            assert not tried(document, example, {}).problem, example


def test_the_preview_has_the_rows_as_the_mapping_makes_them(
    signed_in: Client, team: Team, editor: User
) -> None:
    config = {
        "columns": [
            {"path": "status", "name": "State", "type": "text"},
            {"path": "id", "name": "Number", "type": "text"},
        ],
        "drift": "drop",
    }

    response = ask(signed_in, sample_of(team, editor, ORDERS), config=config)

    assert response.context["columns"] == ["State", "Number"]
    assert response.context["trial"].rows[0] == {"State": "paid", "Number": "1"}


def test_a_difference_is_shown_and_accepted(signed_in: Client, team: Team, editor: User) -> None:
    sample = sample_of(team, editor, {"data": [{"id": "x", "email": "e"}]})
    config = {"columns": COLUMNS, "drift": "freeze"}

    shown = ask(signed_in, sample, config=config)
    accepted = ask(signed_in, sample, config=config, accepts="on")

    for part in ("New: email", "Gone: gone", "Changed type: id (integer, now text)", "Accept"):
        assert part in text(shown)
    assert [column["here"] for column in state_of(shown)["columns"]] == [True, False]
    assert "Accept" not in text(accepted)
    assert state_of(accepted)["mapping"] == {
        "columns": [
            {"path": "id", "name": "Number", "type": "text"},
            {"path": "email", "name": "email", "type": "text"},
        ],
        "drift": "freeze",
    }


def test_another_way_to_look_at_nested_values_keeps_what_was_chosen(
    signed_in: Client, team: Team, editor: User
) -> None:
    config = {
        "columns": [
            {"path": "id", "name": "Number", "type": "text"},
            {"path": "lines", "name": "lines", "type": "json", "included": False, "arrays": "rows"},
            {"path": "length(lines)", "name": "Count", "type": "integer"},
        ]
    }

    state = state_of(ask(signed_in, sample_of(team, editor, ORDERS), config=config, anew="on"))

    assert [(column["path"], column["name"]) for column in state["columns"]] == [
        ("id", "Number"),
        ("status", "status"),
        ("is_active", "is_active"),
        ("lines", "lines"),
        ("lines[].sku", "lines.sku"),
        ("length(lines)", "Count"),
    ]


def test_2000_fields_are_offered_and_more_are_refused(signed_in: Client, team: Team, editor: User) -> None:
    wide, wider = ([{f"a{number}": number for number in range(count)}] for count in (2_000, 2_001))

    response = ask(signed_in, sample_of(team, editor, wide), "")

    assert len(state_of(response)["columns"]) == 2_000
    assert "The first 100 of 2000 columns." in text(response)
    assert "2,001 different fields" in text(ask(signed_in, sample_of(team, editor, wider), ""))


def test_markup_in_an_answer_stays_text(signed_in: Client, team: Team, editor: User) -> None:
    nasty = "</textarea><script>alert(1)</script>"

    page = ask(signed_in, sample_of(team, editor, [{nasty: nasty}]), "").content.decode()

    assert "<script" not in page
    assert page.count("</textarea>") == 1


def test_without_an_answer_the_page_says_what_to_do(
    signed_in: Client, team: Team, owner: User, editor: User
) -> None:
    for sample in ("", "x", sample_of(team, owner, ORDERS)):
        assert "Press Run to see the fields" in text(ask(signed_in, sample))


@pytest.mark.parametrize("config", ["[]", "3", '{"columns": 1}', '{"columns": [{}]}'])
def test_nonsense_in_place_of_a_mapping_is_told(
    config: str, signed_in: Client, team: Team, editor: User
) -> None:
    response = ask(signed_in, sample_of(team, editor, ORDERS), mapping=config)

    assert response.status_code == 200


# --- saved with the request


def posted(**fields: str) -> dict[str, str]:
    return {"name": "Orders", "url": "https://api.example/orders", **fields}


def test_a_mapping_is_saved_with_the_request_and_shown_again(signed_in: Client, team: Team) -> None:
    config = {"columns": COLUMNS, "drift": "drop"}

    signed_in.post("/t/acme/requests/new/", posted(mapping=json.dumps(config)))

    saved = SavedRequest.objects.get()
    assert saved.mapping == config
    page = signed_in.get(f"/t/acme/requests/{saved.pk}/")
    assert "&quot;path&quot;:&quot;id&quot;" in page.content.decode()
    assert "Number" in text(page)


def test_an_empty_mapping_takes_everything_as_it_comes_again(signed_in: Client, team: Team) -> None:
    saved = factories.SavedRequestFactory(team=team, name="Orders", mapping={"columns": COLUMNS})

    signed_in.post(f"/t/acme/requests/{saved.pk}/", posted(mapping=""))

    saved.refresh_from_db()
    assert (saved.mapping, saved.version) == ({}, 2)


def test_a_mapping_that_cannot_be_used_is_not_saved(signed_in: Client, team: Team) -> None:
    response = signed_in.post("/t/acme/requests/new/", posted(mapping='{"columns": [{"path": "]["}]}'))

    assert response.status_code == 422
    assert "Response Field Mapping: The field ][:" in text(response)
    assert not SavedRequest.objects.exists()


def test_saving_the_same_again_changes_nothing(team: Team) -> None:
    saved = factories.SavedRequestFactory(team=team, mapping={"columns": COLUMNS}, table=None)
    config = mapping.to_config(mapping.from_config({"columns": COLUMNS}))
    data = {"name": saved.name, "url": saved.url, "mapping": json.dumps(config), "table_name": "t"}

    form = SavedRequestForm(data, instance=saved, team=team)

    assert form.is_valid(), form.errors
    assert "mapping" not in form.changed_settings


# --- a team's file


def apply(text: str) -> list[str]:
    return manifest.apply(manifest.load(text, {}), now=timezone.now(), is_rehearsal=False).lines


FILE = """
team: Acme
requests:
  - name: Orders
    url: https://api.example/orders
    mapping:
      columns:
      - path: id
        name: $${ID}
        type: integer
      - path: tags
        name: tags
        type: text
        arrays: join
      drift: freeze
      separator: ' | '
"""


def test_a_file_sets_the_mapping_and_is_exported_the_same(team: Team) -> None:
    apply(FILE)

    saved = SavedRequest.objects.get()
    assert saved.mapping == {
        "columns": [
            {"path": "id", "name": "${ID}", "type": "integer"},
            {"path": "tags", "name": "tags", "type": "text", "arrays": "join"},
        ],
        "drift": "freeze",
        "separator": " | ",
    }
    exported = manifest.export(team)
    assert apply(exported)[-1] == "request Orders: unchanged"
    SavedRequest.objects.all().delete()
    apply(exported)
    assert SavedRequest.objects.get().mapping == saved.mapping


def test_what_a_file_leaves_out_is_as_it_comes(team: Team) -> None:
    apply(FILE)
    apply(FILE.split("    mapping:", maxsplit=1)[0])

    assert SavedRequest.objects.get().mapping == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("drift: sometimes", ".mapping.drift: sometimes is none of evolve, freeze, drop."),
        ("columns: [{path: id, kind: x}]", ".mapping.columns[0]: A column has no kind"),
    ],
)
def test_what_is_wrong_with_a_mapping_in_a_file_is_told_with_its_place(
    wrong: str, said: str, team: Team
) -> None:
    with pytest.raises(manifest.InvalidManifest) as invalid:
        apply(FILE.split("      columns:", maxsplit=1)[0] + f"      {wrong}\n")

    assert said in str(invalid.value)
