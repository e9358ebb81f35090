"""Values inside a request's body: a JSON document, or the fields of a form."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from requests_builder.expressions import InvalidPath, compiled
from requests_builder.rendering import RenderedRequest

from .pages import InvalidPagination, PaginationError, shortened

_FORM = "application/x-www-form-urlencoded"
# What PHP and Rails call fields: page[number], filters[]
_FIELD_NAME = re.compile(r"[\w$.-]+(\[[\w$.-]*\])+")


def check_place(name: str, path: str) -> None:
    """Raise InvalidPagination unless a value can be put there: keys with dots between, or a form's field."""
    if _keys(path) is None and not _FIELD_NAME.fullmatch(path):
        raise InvalidPagination(
            name, "Give the place in the body as keys with dots between them, such as variables.after."
        )


def with_value(request: RenderedRequest, path: str, value: int | float | str) -> RenderedRequest:
    """The same request with this value at that place of its body. Raises PaginationError.

    A form body takes the path as the name of a field, so that names such as `page[number]` work.
    """
    if is_form(request):
        return replace(request, body=_form_with(request, path, str(value)))
    document = document_of(request)
    keys = _checked_keys(path)
    inner = document
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise PaginationError(
                "invalid_body", f"{shortened(path)} cannot be set in the body: {shortened(key)} is no object."
            )
    inner[keys[-1]] = value
    return replace(request, body=_dumped(document))


def normalized(request: RenderedRequest) -> RenderedRequest:
    """The request with its JSON body written as `with_value` writes it, so that pages differ in one place."""
    return request if is_form(request) else replace(request, body=_dumped(document_of(request)))


def is_form(request: RenderedRequest) -> bool:
    return (request.header("Content-Type") or "").partition(";")[0].strip().lower() == _FORM


def document_of(request: RenderedRequest) -> dict[str, Any]:
    """The JSON object that the request sends. Raises PaginationError if it sends none."""
    try:
        document = json.loads(request.body or b"")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PaginationError(
            "invalid_body",
            "Pagination in the body needs a body that is a JSON object or a form. Choose one under Body.",
        )
    return document


def _keys(path: str) -> tuple[str, ...] | None:
    try:
        return compiled(path).keys
    except InvalidPath:
        return None


def _checked_keys(path: str) -> tuple[str, ...]:
    keys = _keys(path)
    if keys is None:
        raise PaginationError("invalid_body", f"{shortened(path)} is no place in a JSON body.")
    return keys


def _dumped(document: dict[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise PaginationError(
            "invalid_body", "The body holds a number or a character that JSON cannot carry."
        ) from None


def _fields(request: RenderedRequest) -> list[tuple[str, str]]:
    text = (request.body or b"").decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True)


def _form_with(request: RenderedRequest, name: str, value: str) -> bytes:
    pairs, is_placed = [], False
    for pair in _fields(request):
        if pair[0] != name:
            pairs.append(pair)
        elif not is_placed:
            pairs.append((name, value))
            is_placed = True
    return urlencode(pairs if is_placed else [*pairs, (name, value)]).encode()
