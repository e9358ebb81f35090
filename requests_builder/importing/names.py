"""Variables of other programs under names that a variable can have here."""

import re

VARIABLE = re.compile(r"\{\{([^{}]{1,200})\}\}")
# Names that mean something of their own in `{{ ... }}`.
_TAKEN = frozenset({"connection", "last_run", "now", "run", "timezone", "today", "tomorrow", "yesterday"})
# What Postman makes up at each call, and what says the same here.
_MADE_UP = {
    "$guid": "run.id",
    "$randomUUID": "run.id",
    "$timestamp": "now | unix",
    "$isoTimestamp": "now | iso",
}


def variable_name(name: str) -> str:
    """The name with underscores for what no name of ours has; one that means something else becomes own_…"""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name.strip()).strip("_-") or "value"
    if plain[0].isdigit() or re.split(r"\W", plain)[0] in _TAKEN:
        plain = f"own_{plain}"
    return plain[:60]


def variable(name: str) -> str:
    """`{{ name }}`, as it is written into a request."""
    return f"{{{{ {variable_name(name)} }}}}"


def renamed(text: str) -> str:
    """The text with the variables in it under names of ours; what only Postman can make up stays as it is."""

    def replacement(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name in _MADE_UP:
            return f"{{{{ {_MADE_UP[name]} }}}}"
        return found[0] if name.startswith("$") else variable(name)

    return VARIABLE.sub(replacement, text)
