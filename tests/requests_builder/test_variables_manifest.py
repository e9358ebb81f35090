"""Variables in a team's file: applied, applied again, exported."""

from datetime import datetime

import pytest

from accounts.models import Team
from requests_builder import manifest
from requests_builder.models import AuthorizationKind, SavedRequest, TeamVariable
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owner")]

FILE = """
team: Acme
variables:
  - {name: region, value: eu}
  - {name: api_token, value: "${TOKEN}", secret: true, hosts: [api.example]}
requests:
  - name: Contacts
    url: https://api.example/{{ region }}/contacts?since={{ today - 7 days }}&size={{ size }}
    headers: {X-Api-Key: "{{ api_token }}"}
    authorization: {bearer: "{{ api_token }}"}
    variables: {size: "50"}
"""


def apply(text: str, now: datetime, **environment: str) -> list[str]:
    return manifest.apply(manifest.load(text, environment or {"TOKEN": "t0ken"}), now=now).lines


def test_variables_are_applied_before_the_requests_that_use_them(team: Team, now: datetime) -> None:
    lines = apply(FILE, now)

    assert "variable region: created" in lines
    found = {variable.name: variable for variable in TeamVariable.objects.all()}
    assert (found["region"].value, found["region"].is_secret) == ("eu", False)
    token = found["api_token"]
    assert (token.value, token.is_secret, token.hosts) == ("t0ken", True, ["api.example"])
    assert SavedRequest.objects.get().variables == [["size", "50"]]
    again = apply(FILE, now)
    assert all(line.endswith(": unchanged") for line in again), again


def test_what_an_entry_leaves_out_stays_and_what_it_says_is_changed(team: Team, now: datetime) -> None:
    apply(FILE, now)

    lines = apply('team: Acme\nvariables: [{name: region}, {name: api_token, value: "renewed"}]', now)

    assert lines[1:] == ["variable region: unchanged", "variable api_token: changed value"]
    token = TeamVariable.objects.get(name="api_token")
    assert (token.value, token.is_secret, token.hosts) == ("renewed", True, ["api.example"])


def test_a_mapping_is_the_short_form_of_plain_ones(team: Team, now: datetime) -> None:
    apply('team: Acme\nvariables: {region: eu, version: "2"}', now)

    assert sorted(TeamVariable.objects.values_list("name", flat=True)) == ["region", "version"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("[{name: a, value: 1}]", "variables[0] (a).value: must be a text"),
        ("[{name: a, valeu: x}]", "unknown key valeu; known are name, value, secret, hosts"),
        ("[{name: a, value: x, secret: maybe}]", "secret: must be true or false"),
        ("[{name: a, value: x, hosts: b}]", "hosts: must be a list of hosts"),
        ("[{name: today, value: x}]", "variables[0] (today).name: Names that begin with today"),
        ("[{name: a, value: x}, {name: a, value: y}]", "a is there twice"),
        ("[{name: a, secret: true}]", "value: Enter the secret."),
        ("x", "variables: must be a list"),
        ("{a: 1}", "value: must be a text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(team: Team, now: datetime, entry: str, said: str) -> None:
    with pytest.raises(manifest.InvalidManifest) as refused:
        apply(f"team: Acme\nvariables: {entry}", now)

    assert said in str(refused.value)
    assert not TeamVariable.objects.exists()


def test_a_host_is_added_only_with_the_secret(team: Team, now: datetime) -> None:
    apply(FILE, now)

    with pytest.raises(manifest.InvalidManifest, match="Enter it again"):
        apply("team: Acme\nvariables: [{name: api_token, hosts: [evil.example]}]", now)


def test_an_exported_file_has_no_secret_and_makes_the_same_team(team: Team, now: datetime) -> None:
    apply(FILE, now)
    factories.SavedRequestFactory(
        team=team,
        name="Typed",
        table=factories.TableFactory(team=team),
        authorization_kind=AuthorizationKind.BEARER,
        secret="typed-token",
    )

    exported = manifest.export(team)

    assert "t0ken" not in exported
    assert "typed-token" not in exported
    assert "value: ${API_TOKEN}" in exported
    # A reference to a variable is no secret: it stays readable.
    assert "bearer: '{{ api_token }}'" in exported
    assert "X-Api-Key: '{{ api_token }}'" in exported
    again = apply(exported, now, API_TOKEN="t0ken", TYPED_BEARER_TOKEN="typed-token")
    assert all(line.endswith("unchanged") for line in again), again
