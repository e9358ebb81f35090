"""JMESPath expressions that people type, with bounds on what they can cost.

JMESPath has no loops and no regular expressions, but `|[@,@]` twenty times doubles a document twenty times.
So an expression is measured before it is run: how often its result can hold the same piece of the document.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

MAX_LENGTH = 500
MAX_DEPTH = 48
# A plain mapping of fields counts 1, however many fields it has.
MAX_AMPLIFICATION = 32
MAX_RESULT_NODES = 5_000_000
_STEPS = frozenset(
    {
        "subexpression",
        "index_expression",
        "projection",
        "value_projection",
        "filter_projection",
        "flatten",
        "pipe",
    }
)


class InvalidPath(ValueError):
    """The expression cannot be used, or not on this document; `sentence` tells the person why."""

    code = "invalid_path"

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; `search` finds what it names in a document, or None."""

    text: str
    keys: tuple[str, ...] | None
    """The keys it goes through, if it is nothing but a path of keys."""
    roots: frozenset[str]
    """The keys of the document that it begins at."""
    _compiled: Any = field(repr=False, compare=False)
    _needs_check: bool = field(repr=False, compare=False)

    def search(self, document: Any) -> Any:
        """What the expression names. Raises InvalidPath if it cannot be applied or yields too much."""
        try:
            found = self._compiled.search(document)
        except (
            JMESPathError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
            RecursionError,
        ) as error:
            raise InvalidPath(f"The path cannot be applied to this answer: {_first_line(error)}.") from error
        if self._needs_check:
            _check_result(found)
        return found


@lru_cache(maxsize=512)
def compiled(text: str) -> Expression:
    """The expression, ready to search. Raises InvalidPath with what is wrong with it."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise InvalidPath(f"The path has {len(text):,} characters; at most {MAX_LENGTH} are read.")
    try:
        parsed = jmespath.compile(text)
        tree: dict[str, Any] = parsed.parsed
        if _depth(tree) > MAX_DEPTH:
            raise RecursionError
        amplification = _amplification(tree)
    except InvalidPath:
        raise
    except (JMESPathError, ValueError) as error:
        raise InvalidPath(f"“{text[:100]}” is not a JMESPath expression: {_first_line(error)}.") from error
    except RecursionError as error:
        raise InvalidPath("The path is nested too deeply.") from error
    if amplification > MAX_AMPLIFICATION:
        raise InvalidPath("The path would repeat the answer too many times. Choose fewer fields, each once.")
    return Expression(text, _keys(tree), _roots(tree), parsed, amplification > 1 or _computes(tree))


def quoted_path(keys: list[str]) -> str:
    """The expression that goes through these keys, quoted where a key needs it."""
    return ".".join(key if _is_plain_key(key) else json.dumps(key) for key in keys)


def path_to(steps: Sequence[str | int]) -> str:
    """The expression that leads to one value, through keys and positions: `data[0]."first name"`.

    Through nothing it is the document itself, `@`.
    """
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += ("." if path else "") + quoted_path([step])
    return path or "@"


def _is_plain_key(key: str) -> bool:
    return key.isascii() and key.isidentifier()


def _first_line(error: BaseException) -> str:
    # jmespath's messages draw a caret under the expression on later lines.
    # A value that has the wrong type may be a whole answer: the message need not repeat it.
    line = re.sub(r" for value: .*, expected", ", expected", (str(error).splitlines() or [""])[0])
    line = line.removeprefix("Invalid jmespath expression: ").strip().rstrip(".:")
    return line[:200] or "it makes no sense there"


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [child for child in node.get("children", []) if isinstance(child, dict)]


def _depth(tree: dict[str, Any]) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _keys(node: dict[str, Any]) -> tuple[str, ...] | None:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    parts = [_keys(child) for child in _children(node)]
    return None if None in parts else tuple(key for part in parts if part for key in part)


def _roots(node: dict[str, Any]) -> frozenset[str]:
    if node["type"] == "field":
        return frozenset({node["value"]})
    children = _children(node)
    if node["type"] in _STEPS:
        # Only the first one looks at the document; the others look at what it has found.
        children = children[:1]
    return frozenset[str]().union(*map(_roots, children))


def _computes(node: dict[str, Any]) -> bool:
    """Whether the result can hold a value that the document does not."""
    return node["type"] == "function_expression" or any(_computes(child) for child in _children(node))


def _amplification(node: dict[str, Any]) -> float:
    """How many times larger than its input the result of this node can be, at most."""
    children = _children(node)
    match node["type"]:
        case "literal":
            return _nodes_of(node["value"])
        case "multi_select_list" | "multi_select_dict":
            return _together(children)
        case "or_expression" | "and_expression" | "comparator":
            return max(map(_amplification, children))
        case "filter_projection":
            # The third child chooses: it costs what it builds, but is no part of the result.
            base, projected, condition = map(_amplification, children)
            return condition if condition > MAX_AMPLIFICATION else base * projected
        case "function_expression":
            return _of_function(node["value"], children)
        case _:
            # The steps of a path, one applied to what the one before has found.
            return math.prod(map(_amplification, children))


def _of_function(name: str, arguments: list[dict[str, Any]]) -> float:
    if name not in Functions.FUNCTION_TABLE:
        raise InvalidPath(f"JMESPath has no function {name[:60]}().")
    if name == "join" and arguments and arguments[0]["type"] != "literal":
        # The glue is repeated once for each item: two pieces of the document would be multiplied.
        raise InvalidPath("The first argument of join() must be a text such as ', '.")
    # Escaping can double a text; a function of none of the document still yields something.
    factor = 2.0 if name == "to_string" else 1.0
    sizes = list(map(_amplification, arguments))
    return max(1.0, factor * (math.prod(sizes) if name in ("map", "join") else sum(sizes)))


def _together(children: list[dict[str, Any]]) -> float:
    """Fields that differ are different parts of the input, so the largest counts; everything else adds up."""
    by_field: defaultdict[str, float] = defaultdict(float)
    others = 0.0
    for child in children:
        name = _leading_field(child)
        if name is None:
            others += _amplification(child)
        else:
            by_field[name] += _amplification(child)
    return max(1.0, others + max(by_field.values(), default=0.0))


def _leading_field(node: dict[str, Any]) -> str | None:
    leading = (
        "key_val_pair",
        "subexpression",
        "index_expression",
        "projection",
        "filter_projection",
        "flatten",
    )
    while node["type"] in leading and _children(node):
        node = _children(node)[0]
    return node["value"] if node["type"] == "field" else None


def _nodes_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_nodes_of, value.values()))
    return 1 + sum(map(_nodes_of, value)) if isinstance(value, list) else 1


def _check_result(found: Any) -> None:
    """Refuse what only computing can bring about: a flood of nodes, or numbers that JSON does not have."""
    nodes, level = 0, [found]
    while level:
        nodes += len(level)
        if nodes > MAX_RESULT_NODES:
            raise InvalidPath(f"The path yields more than {MAX_RESULT_NODES:,} values. Choose fewer.")
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise InvalidPath("The path computes a number that is not finite.")
        level = [inner for value in level if isinstance(value, dict | list) for inner in _inside(value)]


def _inside(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
