"""A template with its variables replaced."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from requests_builder.rendering import (
    ApiKey,
    Authorization,
    Basic,
    Bearer,
    BodyKind,
    InvalidRequest,
    Problem,
    RequestTemplate,
)

from .known import Known, Secret, Undefined, Unfit
from .names import NAMESPACES, TIMEZONE
from .places import FormValue, GraphQL, Header, Json, Name, Place, Plain, Url, Xml, authority
from .sealing import Seal, seal_for
from .syntax import Expression, holds_any, pieces, used_names

_STAND_IN_HOST = "stand-in.invalid"
_JSON_TYPE = re.compile(r"[^;]*[/+]json\b", re.IGNORECASE)
_XML_TYPE = re.compile(r"[^;]*[/+]xml\b", re.IGNORECASE)


class UndefinedVariable(InvalidRequest):
    """A name stands for nothing; what else is wrong with the variables is among the problems, too."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with values in the place of its variables, and seals in the place of those that are secret.

    In the authorization secrets stand as they are, for it is added just before a request leaves. Where a
    variable has a problem, it stands as it was typed.
    """

    template: RequestTemplate
    secrets: tuple[Secret, ...] = ()
    seals: tuple[Seal, ...] = field(default=(), repr=False)
    problems: tuple[Problem, ...] = ()
    undefined: tuple[str, ...] = ()
    has_secret_in_url: bool = False


def names_in(template: RequestTemplate) -> frozenset[str]:
    """The names that a request asks for, `now` for every date, and `timezone` where that matters."""
    names = frozenset[str]().union(
        *(used_names(text, is_url=name == "url") for name, text in _texts(template))
    )
    is_dated = any(name == "now" or name.startswith(("run.", "last_run.")) for name in names)
    return names | {TIMEZONE} if is_dated else names


def has_any(template: RequestTemplate) -> bool:
    """Whether anything in it is a variable, or is written with an escape so as not to be one."""
    return any(holds_any(text, is_url=name == "url") for name, text in _texts(template))


def fill(template: RequestTemplate, known: Known) -> Filled:
    """The template with its variables replaced, each escaped for its place.

    Raises InvalidRequest, which names what does not fit where it stands; UndefinedVariable if a name stands
    for nothing.
    """
    result = filled(template, known)
    if result.undefined:
        raise UndefinedVariable(result.problems)
    if result.problems:
        raise InvalidRequest(result.problems)
    return result


def filled(template: RequestTemplate, known: Known) -> Filled:
    """The same as `fill`, with the problems in the result."""
    return _Filling(known).of(template)


class _Filling:
    """One template on its way; gathers what happens."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._problems: list[Problem] = []
        self._undefined: list[str] = []
        self._secrets: dict[str, Secret] = {}
        self._seals: dict[str, Seal] = {}
        self._has_secret_in_url = False

    def of(self, template: RequestTemplate) -> Filled:
        result = replace(
            self._body(template),
            url=self._text("url", template.url, Url()),
            headers=tuple(
                (self._text("headers", name, Name()), self._text("headers", value, Header()))
                for name, value in template.headers
            ),
            authorization=self._authorization(template.authorization),
        )
        return Filled(
            result,
            tuple(self._secrets.values()),
            tuple(self._seals.values()),
            tuple(dict.fromkeys(self._problems)),
            tuple(dict.fromkeys(self._undefined)),
            self._has_secret_in_url,
        )

    def _body(self, template: RequestTemplate) -> RequestTemplate:
        kind = template.body_kind
        match kind:
            case BodyKind.NONE:
                return template
            case BodyKind.FORM | BodyKind.MULTIPART:
                place = FormValue if kind == BodyKind.FORM else Plain
                parts = tuple(
                    replace(
                        part,
                        name=self._text("body_pairs", part.name, Name()),
                        value=self._text("body_pairs", part.value, place()),
                    )
                    for part in template.body_parts
                )
                return replace(template, body_parts=parts)
            case BodyKind.GRAPHQL:
                variables = self._text("graphql_variables", template.graphql_variables, Json())
                query = self._text("body", template.body, GraphQL())
                return replace(template, body=query, graphql_variables=variables)
        media_type = template.body_media_type
        if kind == BodyKind.RAW:
            media_type = self._text("body_media_type", media_type, Name())
        text = self._text("body", template.body, _place_in_body(kind, media_type))
        return replace(template, body=text, body_media_type=media_type)

    def _authorization(self, authorization: Authorization) -> Authorization:
        match authorization:
            case Bearer(token=token):
                return replace(authorization, token=self._credential("bearer_token", token))
            case Basic(username=username, password=password):
                return replace(
                    authorization,
                    username=self._credential("username", username),
                    password=self._credential("password", password),
                )
            case ApiKey(name=name, value=value):
                return replace(
                    authorization,
                    name=self._text("api_key_name", name, Name()),
                    value=self._credential("api_key_value", value),
                )
            case _:
                return authorization

    def _credential(self, field: str, text: str) -> str:
        return self._text(field, text, Plain(), is_sealed=False)

    def _text(self, field: str, text: str, place: Place, *, is_sealed: bool = True) -> str:
        parts = []
        for piece in pieces(text, is_url=field == "url"):
            if isinstance(piece, str):
                place.passed(piece)
                parts.append(piece)
            else:
                parts.append(self._written(field, piece, place, is_sealed=is_sealed))
        return "".join(parts)

    def _written(self, field: str, expression: Expression, place: Place, *, is_sealed: bool) -> str:
        if expression.objection:
            sentence = (
                f"{expression} cannot be read: {expression.objection}. For text in braces write \\{{{{."
            )
            self._problems.append(Problem(field, sentence))
            return str(expression)
        try:
            value = self._known.value_of(expression)
            if isinstance(value, str):
                return place.fit(value)
            return self._sealed(field, value, place) if is_sealed else self._bare(value)
        except Undefined as undefined:
            self._undefined.append(undefined.name)
            self._problems.append(Problem(field, f"{expression} {undefined}"))
        except Unfit as unfit:
            self._problems.append(Problem(field, f"{expression} {unfit}"))
        return str(expression)

    def _sealed(self, field: str, secret: Secret, place: Place) -> str:
        # Of a secret that is not known, its number says where it may stand.
        number = seal_for(secret, place.key, None).number
        text = place.sealable(number if secret.text is None else secret.text)
        seal = seal_for(secret, place.key, None if secret.text is None else text)
        self._secrets[secret.key] = secret
        self._seals[seal.number] = seal
        self._has_secret_in_url |= field == "url"
        return seal.number

    def _bare(self, secret: Secret) -> str:
        self._secrets[secret.key] = secret
        if secret.text is not None:
            return secret.text
        seal = seal_for(secret, "credential", None)
        self._seals[seal.number] = seal
        return seal.number


def stand_ins(template: RequestTemplate, values: Mapping[str, Any], namespace: str = "") -> dict[str, Any]:
    """The values by their names in a namespace, and something harmless for each name that has none.

    Enough to judge the rest by. Without a namespace: variables of the request and its team.
    """
    prefix = f"{namespace}." if namespace else ""
    names = {
        name.removeprefix(prefix)
        for name in names_in(template)
        if (name.startswith(prefix) if prefix else _is_own(name))
    }
    unknown = names - values.keys()
    known = dict.fromkeys(unknown, "0")
    at_beginning = True
    place = Url()
    for piece in pieces(template.url, is_url=True):
        if isinstance(piece, str):
            place.passed(piece)
            at_beginning = at_beginning and not piece.strip()
            continue
        if place.key != "host":
            break
        for name in {name.removeprefix(prefix) for name in piece.names} & unknown:
            known[name] = f"https://{_STAND_IN_HOST}" if at_beginning else _STAND_IN_HOST
        at_beginning = False
    return {**values, **known}


def _is_own(name: str) -> bool:
    return name not in ("now", TIMEZONE) and name.partition(".")[0] not in NAMESPACES


def is_stand_in(url: str) -> bool:
    """Whether the host of a URL that was filled with `stand_ins` is made up."""
    return _STAND_IN_HOST in authority(url)


def _place_in_body(kind: BodyKind, media_type: str) -> Place:
    makers: dict[BodyKind, Callable[[], Place]] = {BodyKind.JSON: Json, BodyKind.XML: Xml}
    if kind == BodyKind.RAW and _JSON_TYPE.match(media_type):
        return Json()
    if kind == BodyKind.RAW and _XML_TYPE.match(media_type):
        return Xml()
    return makers.get(kind, Plain)()


def _texts(template: RequestTemplate) -> Iterator[tuple[str, str]]:
    """Every text of it that is sent and may hold a variable, with its field."""
    yield "url", template.url
    for pair in template.headers:
        yield from (("headers", text) for text in pair)
    match template.body_kind:
        case BodyKind.NONE:
            pass
        case BodyKind.FORM | BodyKind.MULTIPART:
            for part in template.body_parts:
                yield from (("body_pairs", text) for text in (part.name, part.value))
        case _:
            yield "body", template.body
            if template.body_kind == BodyKind.GRAPHQL:
                yield "graphql_variables", template.graphql_variables
            if template.body_kind == BodyKind.RAW:
                yield "body_media_type", template.body_media_type
    match template.authorization:
        case Bearer(token=token):
            yield "authorization", token
        case Basic(username=username, password=password):
            yield from (("authorization", text) for text in (username, password))
        case ApiKey(name=name, value=value):
            yield from (("authorization", text) for text in (name, value))
