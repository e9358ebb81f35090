"""A document as a tree that is opened node by node, each with the path that leads to it. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from requests_builder.expressions import path_to

MAX_CHILDREN = 100
MAX_SHOWN_CHARACTERS = 300

Step = str | int


@dataclass(frozen=True, slots=True)
class Node:
    """One value in a document. `steps` are keys and positions; `path` is the same as a JMESPath.

    `kind` is object, list, string, number, boolean or null. Of an object or a list, `count` is how many
    values are in it; of anything else, `text` is the beginning of the value.
    """

    steps: tuple[Step, ...]
    kind: str
    count: int = 0
    text: str = field(default="", repr=False)
    is_cut: bool = False

    @property
    def path(self) -> str:
        return path_to(self.steps)

    @property
    def name(self) -> str:
        return str(self.steps[-1]) if self.steps else ""

    @property
    def is_container(self) -> bool:
        return self.kind in ("object", "list")


@dataclass(frozen=True, slots=True)
class Branch:
    """Some of the values in a node: up to MAX_CHILDREN of them, from the one at `start`."""

    parent: Node
    nodes: tuple[Node, ...]
    start: int = 0

    @property
    def left(self) -> int:
        """How many values come after these."""
        return max(self.parent.count - self.start - len(self.nodes), 0)

    @property
    def following(self) -> int:
        """Where the next ones begin."""
        return self.start + len(self.nodes)


def branch(document: Any, steps: Sequence[Step] = (), start: int = 0) -> Branch:
    """What is in the value that the steps lead to. Raises LookupError if they lead nowhere."""
    value = document
    for step in steps:
        value = _inside(value, step)
    parent = _node(tuple(steps), value)
    first = max(start, 0)
    inner: list[tuple[Step, Any]] = []
    if isinstance(value, dict):
        inner = list(islice(value.items(), first, first + MAX_CHILDREN))
    elif isinstance(value, list):
        inner = list(enumerate(value[first : first + MAX_CHILDREN], first))
    return Branch(parent, tuple(_node((*steps, step), each) for step, each in inner), first)


def _inside(value: Any, step: Step) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value[step]
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        return value[step]
    raise LookupError(step)


def _node(steps: tuple[Step, ...], value: Any) -> Node:
    match value:
        case dict():
            return Node(steps, "object", len(value))
        case list():
            return Node(steps, "list", len(value))
        case str():
            return Node(steps, "string", 0, value[:MAX_SHOWN_CHARACTERS], len(value) > MAX_SHOWN_CHARACTERS)
        case bool():
            return Node(steps, "boolean", 0, "true" if value else "false")
        case None:
            return Node(steps, "null", 0, "null")
        case _:
            return Node(steps, "number", 0, str(value))
