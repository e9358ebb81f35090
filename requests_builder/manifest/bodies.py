"""Bodies in a file: one key for each kind."""

import json
from collections.abc import Mapping
from typing import Any

from requests_builder.models import BodyKind, SavedRequest

from .checking import check_keys, check_texts, read_mapping, read_pairs
from .environment import escaped
from .errors import refuse

BODY_KEYS = ("body", "form", "multipart", "xml", "graphql", "raw")


def typed_body(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an entry as the form's fields would hold it."""
    given = [key for key in BODY_KEYS if entry.get(key) is not None]
    if len(given) > 1:
        refuse(where, f"has {' and '.join(given)}: a request carries one body")
    if not given:
        return {"body_kind": BodyKind.NONE}
    [key] = given
    value, where = entry[key], f"{where}.{key}"
    match key:
        case "body":
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            return {"body_kind": BodyKind.JSON, "body": text}
        case "form" | "multipart":
            read = read_pairs if key == "form" else _typed_multipart
            return {"body_kind": BodyKind(key), "body_pairs": read(where, value)}
        case "graphql":
            return {"body_kind": BodyKind.GRAPHQL, **_typed_graphql(where, value)}
        case "raw":
            raw = read_mapping(where, value, ("text", "media_type"))
            check_texts(where, raw)
            media_type = raw.get("media_type", "")
            return {"body_kind": BodyKind.RAW, "body": raw.get("text", ""), "body_media_type": media_type}
        case _:
            check_texts(where, {key: value})
            return {"body_kind": BodyKind.XML, "body": value}


def _typed_multipart(where: str, value: object) -> list[Any]:
    """Pairs of texts, but for `{file: NAME}`: the file of that name which the request has already."""
    is_list = isinstance(value, list)
    given: Any = value if is_list else list(read_mapping(where, value, None).items())
    texts, files = [], {}
    for place, pair in enumerate(given):
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[1], dict):
            file = read_mapping(f"{where}.{pair[0]}", pair[1], ("file",))
            check_texts(f"{where}.{pair[0]}", file)
            files[place] = {"file": file.get("file", "")}
            texts.append([pair[0], ""])
        else:
            texts.append(list(pair) if isinstance(pair, tuple) else pair)
    pairs = read_pairs(where, texts)
    return [[name, files.get(place, text)] for place, (name, text) in enumerate(pairs)]


def _typed_graphql(where: str, value: object) -> dict[str, Any]:
    graphql = read_mapping(where, value, None)
    check_keys(where, graphql, ("query", "variables"))
    check_texts(where, graphql, but=("variables",))
    variables = graphql.get("variables", "")
    if not isinstance(variables, str):
        variables = json.dumps(variables, indent=2, ensure_ascii=False)
    return {"body": graphql.get("query", ""), "graphql_variables": variables}


def exported_body(saved_request: SavedRequest) -> dict[str, Any]:
    """The key for the body of a request, with what it holds; nothing for a request without one."""
    match saved_request.body_kind:
        case BodyKind.NONE:
            return {}
        case BodyKind.JSON:
            return {"body": escaped(saved_request.body)}
        case BodyKind.FORM | BodyKind.MULTIPART:
            # The content of a file does not go into the file of a team: it stays where it is.
            pairs = [
                [row["name"], {"file": row["filename"]} if "file" in row else row.get("value", "")]
                for row in saved_request.body_pairs
            ]
            by_name = dict(pairs)
            return {saved_request.body_kind: escaped(by_name if len(by_name) == len(pairs) else pairs)}
        case BodyKind.GRAPHQL:
            graphql = {"query": saved_request.body, "variables": saved_request.graphql_variables}
            return {"graphql": escaped({key: text for key, text in graphql.items() if text})}
        case BodyKind.RAW:
            raw = {"media_type": saved_request.body_media_type, "text": saved_request.body}
            return {"raw": escaped({key: text for key, text in raw.items() if text})}
        case _:
            return {saved_request.body_kind: escaped(saved_request.body)}
