"""Answers that mean what a rule of an entry says, made from the rule."""

import json
import re
from typing import Any

from connections.oauth2.dialect import Dialect, Meaning, Rule
from demo_api.messages import JSON, Answer


def answer_meaning(dialect: Dialect, meaning: Meaning, *, fallback: Answer) -> Answer:
    """How this provider says it by its first rule of that meaning; the fallback if it has none of its own."""
    for rule in dialect.rules:
        if rule.meaning is meaning:
            return answer_to(rule, status=fallback.status)
    return fallback


def answer_to(rule: Rule, *, status: int) -> Answer:
    """An answer that fits the rule. Raises AssertionError for a rule that nothing made from it fits."""
    document: Any = _placed(rule.member, rule.value or _example(rule.words) or "x") if rule.member else {}
    if rule.words and not rule.member:
        document = {"message": _example(rule.words)}
    text = json.dumps(document)
    answered = rule.status or status
    assert rule.fits(answered, document, text), f"{rule} does not fit its own example {text}"
    return Answer(answered, text.encode(), JSON)


def placed(members: dict[str, Any]) -> dict[str, Any]:
    """A document with these values at their dotted paths."""
    document: Any = {}
    for path, value in members.items():
        document = _put(document, path.split("."), value)
    result: dict[str, Any] = document
    return result


def _placed(path: str, value: str) -> Any:
    return _put({}, path.split("."), _typed(value))


def _put(container: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step.isdecimal() and (isinstance(container, list) or not container):
        items = list(container) if isinstance(container, list) else []
        items += [{}] * (int(step) + 1 - len(items))
        items[int(step)] = _put(items[int(step)], rest, value)
        return items
    whole = dict(container) if isinstance(container, dict) else {}
    whole[step] = _put(whole.get(step, {}), rest, value)
    return whole


def _typed(value: str) -> Any:
    """As providers write it: numbers and truth as such."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdecimal() else value


def _example(words: str) -> str:
    """A text in which this regular expression occurs, for the plain ones that entries have."""
    first = re.sub(r"\(\?:|\(|\)", "", words).split("|")[0]
    return re.sub(r"\\(.)", r"\1", first.replace(".*", " ").replace(r"\b", "").replace("?", ""))
