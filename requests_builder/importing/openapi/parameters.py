"""Parameters in the path, the query and the headers."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from requests_builder.importing.drafts import Pair
from requests_builder.importing.names import variable, variable_name
from requests_builder.importing.untrusted import line, mapping, text

from .examples import given_by
from .references import References

# The document's words on these do not count (OpenAPI 3.1, Parameter Object).
_NOT_PARAMETERS = frozenset({"accept", "authorization", "content-type"})
_JOINTS = {"spaceDelimited": "%20", "pipeDelimited": "|", "ssv": "%20", "pipes": "|", "tsv": "%09"}


@dataclass(slots=True)
class Parameters:
    """What the parameters of an operation come to."""

    query: list[str] = field(default_factory=list)
    headers: list[Pair] = field(default_factory=list)
    # What is known of the variables that stand in the path, the query or a header.
    variables: dict[str, str] = field(default_factory=dict)
    # Names of those that may be left out, and are.
    optional: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parameters_of(described: list[dict[str, Any]], references: References) -> Parameters:
    """The required ones, with the values that the document gives; the optional ones by their names."""
    result = Parameters()
    for parameter in described:
        name, place = text(parameter.get("name")), text(parameter.get("in"))
        if not name or (place == "header" and name.lower() in _NOT_PARAMETERS):
            continue
        value = value_of(parameter, references)
        if place == "path":
            if value is not None and not isinstance(value, dict | list):
                result.variables[variable_name(name)] = line(value)
        elif parameter.get("required") is not True:
            if place in ("query", "header", "cookie"):
                result.optional.append(name)
        elif place == "query":
            result.query += _in_query(name, value, parameter)
        elif place == "header":
            result.headers.append((name, line(value) if value is not None else variable(name)))
        elif place == "cookie":
            result.notes.append(f"The API wants the cookie {name[:60]}: write it as a header Cookie.")
    return result


def value_of(parameter: dict[str, Any], references: References) -> Any:
    """The example or the default value of a parameter; None if the document gives none."""
    if parameter.get("example") is not None:
        return parameter["example"]
    for example in list(mapping(parameter.get("examples")).values())[:1]:
        found = references.resolved(example)
        if found.get("value") is not None:
            return found["value"]
    # In Swagger 2 the parameter is its own schema.
    schema = references.resolved(parameter.get("schema")) or parameter
    given = given_by(schema)
    if not given and isinstance(schema.get("items"), dict):
        inner = given_by(references.resolved(schema["items"]))
        return inner[:1] or None
    return given[0] if given else None


def with_variables_in_path(path: str) -> str:
    """`/pets/{petId}` with `{{ petId }}`."""
    return re.sub(r"\{([^{}/]{1,100})\}", lambda found: variable(found[1]), path)


def optional_note(what: str, names: list[str]) -> list[str]:
    """A sentence that names what was left out, or none."""
    if not names:
        return []
    shown = ", ".join(line(name, 60) for name in names[:20]) + (" and more" if len(names) > 20 else "")
    return [f"Left out, for {what} optional: {shown}."]


def _in_query(name: str, value: Any, parameter: dict[str, Any]) -> list[str]:
    written = quote(name[:200], safe="[]~")
    if value is None:
        return [f"{written}={variable(name)}"]
    if isinstance(value, dict):
        return [
            f"{written}[{quote(str(key), safe='')}]={_encoded(inner)}"
            for key, inner in list(value.items())[:50]
        ]
    if not isinstance(value, list):
        return [f"{written}={_encoded(value)}"]
    style = text(parameter.get("style")) or text(parameter.get("collectionFormat"))
    is_exploded = parameter.get("explode", "type" not in parameter) is True or style == "multi"
    if is_exploded and style not in _JOINTS:
        return [f"{written}={_encoded(each)}" for each in value[:50]]
    return [f"{written}={_JOINTS.get(style, ',').join(_encoded(each) for each in value[:50])}"]


def _encoded(value: Any) -> str:
    # A list in a list is written in many ways, none of which is usual.
    return quote(line(value, 500), safe="~:@")
