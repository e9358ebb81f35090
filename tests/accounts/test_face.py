import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django import forms
from django.conf import settings as configured
from django.template.loader import get_template, render_to_string
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import Team, User
from accounts.templatetags import face

TEMPLATES = Path(configured.BASE_DIR) / "templates"
# The demo API has pages of its own, outside of our policy.
PAGES = sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=50), "1 min ago"),
        (timedelta(minutes=59, seconds=20), "59 min ago"),
        (timedelta(minutes=59, seconds=40), "1 h ago"),
        (timedelta(hours=23, minutes=40), "1 d ago"),
        (timedelta(days=29), "29 d ago"),
        (timedelta(days=40), "14 Oct 2026"),
        (-timedelta(seconds=10), "in a moment"),
        (-timedelta(minutes=4), "in 4 min"),
        (-timedelta(hours=2), "in 2 h"),
    ],
)
def test_a_moment_is_told_by_its_distance_until_a_date_says_more(
    now: datetime, distance: timedelta, words: str
) -> None:
    assert face.relative_to(now - distance, now) == words


def test_the_exact_moment_is_told_in_utc() -> None:
    assert face.exact(datetime(2026, 3, 1, 7, 5, 9, tzinfo=UTC)) == "1 Mar 2026, 07:05:09 UTC"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (2.44, "2.4 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (None, ""),
    ],
)
def test_a_length_of_time_keeps_the_digits_that_matter(value: timedelta | float | None, words: str) -> None:
    assert face.duration(value) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (48_300_000, "48 MB"), (999_600, "1.0 MB"), (None, "")],
)
def test_a_size_never_shows_a_thousand_of_a_unit(count: int | None, words: str) -> None:
    assert face.bytes_size(count) == words


@pytest.mark.parametrize("state", [*face.STATES, "never_heard_of"])
def test_every_state_has_a_colour_a_shape_and_a_word(state: str) -> None:
    badge = render_to_string("components/state_badge.html", {"state": state})

    assert f"state-{face.state_look(state).kind}" in badge
    shape = (TEMPLATES / "components/icons" / f"{face.state_look(state).icon}.svg").read_text()
    assert shape in badge
    assert len(set(face.SHAPES.values())) == len(face.SHAPES)
    assert face.state_word(state) in badge


def test_a_field_is_tied_to_its_help_and_its_error() -> None:
    class Form(forms.Form):
        name = forms.CharField(help_text="How your team will find it.")

    field = Form({})["name"]
    html = render_to_string("components/field.html", {"field": field})

    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described is not None
    assert 'aria-invalid="true"' in html
    assert all(f'id="{identifier}"' in html for identifier in described[1].split())


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/t/acme/team/rename/", "/t/acme/team/"),
        ("/t/acme/alerts/rules/", "/t/acme/schedules/"),
        ("/t/acme/schedules/new/", "/t/acme/schedules/"),
    ],
)
def test_the_navigation_marks_where_the_reader_is(rf: RequestFactory, path: str, current: str) -> None:
    team = Team(name="Acme", slug="acme")
    request = rf.get(path)
    context = {"team": team, "teams": [team], "user": User(email="ann@example.org"), "request": request}

    html = render_to_string("components/navigation.html", context)

    marked = re.findall(r'href="([^"]+)" aria-current="true">\s*<svg', html)
    assert marked == [current]
    labels = re.findall(r"</svg>\s*([A-Z][\w ]+?)\s*</a>", html)
    assert labels == [
        "New team",
        "Create Request",
        "Requests",
        "OAuth Connections",
        "Schedules",
        "Runs",
        "Tables",
        "Team",
        "Change password",
    ]


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_nothing_to_be_shown(name: str) -> None:
    # Django renders 500.html without a context: whatever broke may be what would fill it.
    assert "<h1>" in get_template(name).render({})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TEMPLATES)))
def test_a_template_asks_for_nothing_that_the_policy_forbids(page: Path) -> None:
    text = page.read_text()
    is_mail = page.parent.name == "mail"  # no policy there, and no style sheet either

    assert is_mail or not re.search(r"<[^>]*\sstyle=", text), "an inline style"
    assert not re.search(r"<[^>]*\son\w+=", text), "an inline handler"
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", text), "an inline script"
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=[\"'](https?:)?//", text), "another host"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TEMPLATES)))
def test_every_icon_that_a_template_names_is_there(page: Path) -> None:
    text = page.read_text()
    names = re.findall(r'components/icon\.html" with (?:[^%]* )?name="([^"]+)"', text)
    names += re.findall(r'(?:empty|nav_link)\.html" with [^%]*icon="([^"]+)"', text)

    assert [name for name in names if not (TEMPLATES / "components/icons" / f"{name}.svg").is_file()] == []


@pytest.mark.usefixtures("viewer")
def test_a_link_to_sign_up_is_only_shown_where_that_is_possible(client: Client, settings: Settings) -> None:
    settings.SIGNUP = "closed"
    assert b"Create an account" not in client.get("/accounts/login/").content

    settings.SIGNUP = "open"
    assert b"Create an account" in client.get("/accounts/login/").content
