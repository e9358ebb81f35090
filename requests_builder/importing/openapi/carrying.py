"""Request bodies, with the document's example, or with one that fits the schema."""

import json
from typing import Any

from requests_builder.importing.bodies import FORM
from requests_builder.importing.drafts import NO_BODY, Body, Pair
from requests_builder.importing.untrusted import mapping, text

from .examples import Budget, Examples, type_of
from .parameters import optional_note
from .references import References

_LONGEST = 20_000
_FORMS = {FORM: "form", "multipart/form-data": "multipart"}


def body_of(
    described: dict[str, Any], references: References, budget: Budget
) -> tuple[Body, list[Pair], list[str]]:
    """The body, the header that names it where our own would not do, and what to say."""
    content = mapping(described.get("content"))
    media_type = _preferred([str(name) for name in content])
    if not media_type:
        return NO_BODY, [], []
    chosen = references.resolved(content[media_type])
    essence = media_type.partition(";")[0].strip().lower()
    examples = Examples(references, budget)
    if essence in _FORMS:
        return _form(chosen, examples, is_multipart=_FORMS[essence] == "multipart")
    example = _example(chosen, references)
    if _is_json(essence):
        header = [] if essence == "application/json" else [("Content-Type", media_type)]
        written, notes = _json(example, chosen, examples)
        return Body("json", written), header, notes
    written = example if isinstance(example, str) and budget.affords(example, _LONGEST) else ""
    notes = (
        []
        if written
        else [f"The document gives no example of the body, which is {media_type[:80]}: write it."]
    )
    if essence.endswith(("/xml", "+xml")):
        return (
            Body("xml", text(written)),
            [] if essence == "application/xml" else [("Content-Type", media_type)],
            notes,
        )
    return Body("raw", text(written), media_type="" if "*" in media_type else media_type), [], notes


def _preferred(names: list[str]) -> str:
    """The media type that is easiest to build."""
    tests = (
        lambda name: name.lower().startswith("application/json"),
        lambda name: _is_json(name.partition(";")[0].strip().lower()),
        lambda name: name.lower().startswith(FORM),
        lambda name: name.lower().startswith("multipart/form-data"),
    )
    found = (name for test in tests for name in names if test(name))
    return next(found, next(iter(names), ""))


def _is_json(essence: str) -> bool:
    return essence.endswith(("/json", "+json"))


def _example(chosen: dict[str, Any], references: References) -> Any:
    if chosen.get("example") is not None:
        return chosen["example"]
    for example in list(mapping(chosen.get("examples")).values())[:1]:
        return references.resolved(example).get("value")
    return None


def _json(example: Any, chosen: dict[str, Any], examples: Examples) -> tuple[str, list[str]]:
    notes: list[str] = []
    if example is None:
        schema = examples.merged(examples.references.resolved(chosen.get("schema")))
        example = examples.of(chosen.get("schema"))
        if type_of(schema) == "object" and isinstance(example, dict):
            left = [name for name in examples.properties(schema)[1] if name not in example]
            notes = optional_note("these fields of the body are", left)
    if not examples.budget.affords(example, _LONGEST):
        return "{}", ["The document's example of the body is too long to be taken along: write it."]
    if isinstance(example, str) and example.lstrip()[:1] in ("{", "["):
        # An example that is written as text.
        return text(example), notes
    return text(json.dumps({} if example is None else example, ensure_ascii=False, indent=2)), notes


def _form(
    chosen: dict[str, Any], examples: Examples, *, is_multipart: bool
) -> tuple[Body, list[Pair], list[str]]:
    schema = examples.merged(examples.references.resolved(chosen.get("schema")))
    given = mapping(chosen.get("example"))
    properties, optional = examples.properties(schema)
    files = [name for name, inner in properties.items() if _is_file(inner)]
    pairs = tuple(
        (text(name)[:200], _typed(given[name] if name in given else examples.of(inner), examples.budget))
        for name, inner in properties.items()
        if name not in files
    )
    notes = optional_note("these rows of the form are", optional)
    if files:
        notes.append(f"The API wants a file as {', '.join(files[:5])}: choose it under Body → Multipart.")
    if not pairs:
        return NO_BODY, [], notes
    return Body("multipart" if is_multipart else "form", pairs=pairs), [], notes


def _is_file(schema: dict[str, Any]) -> bool:
    items = mapping(schema.get("items"))
    return "binary" in (schema.get("format"), items.get("format")) or schema.get("type") == "file"


def _typed(value: Any, budget: Budget) -> str:
    return text(value) if budget.affords(value, _LONGEST) else ""
