"""Variables of other programs under names that a variable can have here."""

import re

VARIABLE = re.compile(r"\{\{([^{}]{1,200})\}\}")
# Names that mean something of their own in `{{ ... }}`.
_TAKEN = frozenset({"connection", "last_run", "now", "run", "start", "today", "tomorrow", "yesterday"})


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
    """The text with the variables in it under names of ours. Dynamic ones of Postman, `$guid`, stay."""

    def replacement(found: re.Match[str]) -> str:
        return found[0] if found[1].lstrip().startswith("$") else variable(found[1])

    return VARIABLE.sub(replacement, text)
