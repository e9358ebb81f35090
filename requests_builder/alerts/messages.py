"""Facts in words: as a mail, as a message of Slack, as the body of a signed webhook."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from connections.notices.letters import Letter
from requests_builder.alerts.facts import MOST_DEPENDENTS, Facts

_SIGNS = {"recovered": "✅", "test": "👋"}
# What would call everybody in the room, where a program reads @ words in messages.
_CALLS = re.compile(r"@(?=(?:all|channel|everyone|here)\b)")


def mail(facts: Facts) -> Letter:
    """The mail that says this."""
    team = facts["team"]
    context = {
        "facts": facts,
        "lines": affected(facts),
        "switch_url": settings.BASE_URL + reverse("accounts:team", kwargs={"team": team["slug"]}) + "#mails",
        "rules_url": settings.BASE_URL + reverse("requests_builder:alerts", kwargs={"team": team["slug"]}),
    }
    return Letter(
        subject=facts["title"],
        text=render_to_string("requests_builder/mail/alert.txt", context).strip() + "\n",
        html=render_to_string("requests_builder/mail/alert.html", context),
    )


def slack(facts: Facts) -> bytes:
    """The JSON of an incoming webhook, as Slack and those that copy it take it: text alone."""
    lines = [f"{_SIGNS.get(facts['event'], '🔴')} *{_plain(facts['title'])}*", _plain(facts["what"])]
    if facts["why"]:
        lines.append(f"> {_plain(facts['why'])}")
    lines += [f"{_plain(label)}: {_plain(words)}" for label, words in affected(facts)]
    lines.append(_plain(facts["to_do"]))
    links = [("Open", facts["url"])]
    if facts["run"]:
        links.append(("Run", facts["run"]["url"]))
    if facts.get("request"):
        links.append(("Request", facts["request"]["url"]))
    lines.append(" · ".join(f"<{url}|{label}>" for label, url in links))
    return json.dumps({"text": "\n".join(lines)}, ensure_ascii=False).encode()


def webhook(facts: Facts, at: datetime) -> bytes:
    """The JSON of a signed webhook: its type, when it was said, and the facts."""
    kind = "test" if facts["event"] == "test" else f"incident.{facts['event']}"
    content = {"type": kind, "timestamp": at.astimezone(UTC).isoformat(), "data": facts}
    return json.dumps(content, ensure_ascii=False).encode()


def affected(facts: Facts) -> list[tuple[str, str]]:
    """What it affects, a line each: label and words."""
    feeds = [each["name"] for each in facts["dependents"]]
    shown = ", ".join(feeds[:MOST_DEPENDENTS]) + (" and more" if len(feeds) > MOST_DEPENDENTS else "")
    found: list[tuple[str, Any]] = [
        ("Schedule", facts.get("schedule") and facts["schedule"]["in_words"]),
        ("Table", facts.get("table") and facts["table"]["name"]),
        ("Feeds of the table", shown),
        ("Requests", ", ".join(facts.get("requests", ()))),
    ]
    return [(label, words) for label, words in found if words]


def _plain(text: str) -> str:
    """Text in which nothing is a command to Slack or those that copy it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub("@\u200b", " ".join(escaped.split()))
