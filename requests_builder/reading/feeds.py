"""RSS and Atom: each item as one flat record.

The usual fields have the same names in both, and are there in every record: id, title, link, published,
updated, author, categories, summary; moments are ISO 8601 in UTC where they can be read. Whatever else an
item has follows as XML is read: "media:thumbnail", "enclosure", "content".
"""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .documents import Kind

_ATOM = ("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#")
_RSS_1 = ("http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/")
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
}


def items_of(tree: dict[str, Any], namespaces: Mapping[str, str]) -> tuple[Kind, list[dict[str, Any]]] | None:
    """The items of a feed, from its XML and what its root declares; None if it is no feed."""
    (name, root), *_ = tree.items()
    prefix, _, local = name.rpartition(":")
    if not isinstance(root, dict):
        return None
    if local == "feed" and namespaces.get(prefix) in _ATOM:
        bare = _prefixes(namespaces, _ATOM)
        entries = _renamed(root, bare).get("entry")
        return Kind.ATOM, [
            _of_atom(_renamed(entry, bare)) for entry in _each(entries) if isinstance(entry, dict)
        ]
    bare = _prefixes(namespaces, _RSS_1)
    if local == "RDF" and namespaces.get("") in _RSS_1:
        items = root.get("item")
    elif local == "rss" and isinstance(root.get("channel"), dict):
        items = root["channel"].get("item")
    else:
        return None
    return Kind.RSS, [_of_rss(_renamed(item, bare)) for item in _each(items) if isinstance(item, dict)]


def _of_rss(item: dict[str, Any]) -> dict[str, Any]:
    guid = item.pop("guid", None)
    is_link = not (isinstance(guid, dict) and guid.get("@isPermaLink") == "false")
    identity = _text(guid) or item.pop("@rdf:about", None)
    link = _first_text(item, "link")
    own_author, creator = _first_text(item, "author"), _first_text(item, "dc:creator", "itunes:author")
    published, updated = _first_text(item, "pubDate", "dc:date"), _first_text(item, "atom:updated")
    usual = {
        "id": identity or link,
        "title": _first_text(item, "title"),
        "link": link or (identity if is_link and str(identity).startswith("http") else None),
        "published": _moment(published),
        "updated": _moment(updated),
        "author": creator or own_author,
        "categories": [text for each in _each(item.pop("category", None)) if (text := _text(each))],
        "summary": _first_text(item, "description"),
    }
    if content := _first_text(item, "content:encoded"):
        usual["content"] = content
    return usual | {name: value for name, value in item.items() if name not in usual}


def _of_atom(entry: dict[str, Any]) -> dict[str, Any]:
    links = [link for link in _each(entry.get("link")) if isinstance(link, dict) and link.get("@href")]
    alternate = [link for link in links if link.get("@rel", "alternate") == "alternate"]
    people = [
        _text(each.get("name")) if isinstance(each, dict) else each
        for each in _each(entry.pop("author", None))
    ]
    labels = [
        each.get("@term") or each.get("@label")
        for each in _each(entry.pop("category", None))
        if isinstance(each, dict)
    ]
    usual = {
        "id": _first_text(entry, "id"),
        "title": _first_text(entry, "title"),
        "link": (alternate or links or [{}])[0].get("@href"),
        "published": _moment(_first_text(entry, "published", "issued")),
        "updated": _moment(_first_text(entry, "updated", "modified")),
        "author": ", ".join(name for name in people if name) or None,
        "categories": [label for label in labels if label],
        "summary": _first_text(entry, "summary"),
    }
    if content := _first_text(entry, "content"):
        usual["content"] = content
    if len(links) == 1:
        del entry["link"]  # nothing is lost: it stands above
    elif "link" in entry:
        entry["links"] = entry.pop("link")
    return usual | {name: value for name, value in entry.items() if name not in usual}


def _prefixes(namespaces: Mapping[str, str], own: tuple[str, ...]) -> dict[str, str]:
    """What the prefixes of a document stand for, by the names that everybody uses."""
    known = dict.fromkeys(own, "") | _PREFIXES
    return {f"{prefix}:": known[uri] for prefix, uri in namespaces.items() if prefix and uri in known}


def _renamed(element: dict[str, Any], prefixes: dict[str, str]) -> dict[str, Any]:
    renamed = {}
    for name, value in element.items():
        prefix, colon, local = name.rpartition(":")
        renamed[prefixes.get(prefix + colon, prefix + colon) + local] = value
    return renamed


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _first_text(element: dict[str, Any], *names: str) -> str | None:
    """The text of the first of these that has any; all of them are taken out of the element."""
    found = [_text(element.pop(name, None)) for name in names]
    return next((text for text in found if text), None)


def _text(value: Any) -> str | None:
    """All text in an element; of XHTML the words without its markup."""
    if isinstance(value, dict):
        inner = [
            value.get("#text"),
            *(each for name, each in value.items() if not name.startswith(("@", "#"))),
        ]
        value = [_text(each) for each in inner]
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value))) or None
    return value if isinstance(value, str) else None


def _moment(text: str | None) -> str | None:
    """A date of RSS (RFC 822) or Atom (RFC 3339) as ISO 8601 in UTC; as it stands if it is neither."""
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo is None:
            return text  # a day, or a time in a place that nobody names
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # "-0000": in UTC, from wherever (RFC 5322 §3.3)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return text
