"""Where the API is: the address before the path."""

import re
from typing import Any

from requests_builder.importing.names import variable
from requests_builder.importing.untrusted import line, mapping, rows, text

_HOSTLESS = (
    "The document does not say on which host the API is: set the variable base_url, or write the address in "
    "its place."
)


def server_of(*levels: Any) -> tuple[str, list[str]]:
    """The first server of the first level that names any, without a slash at its end; and what to say."""
    listed = next((servers for level in levels if (servers := rows(level))), [])
    if not listed:
        return variable("base_url"), [_HOSTLESS]
    url, notes = _filled(listed[0])
    others = [line(server.get("url"), 80) for server in listed[1:4]]
    if others:
        notes.append(f"Another address of the same API: {', '.join(others)}.")
    return url, notes


def _filled(server: dict[str, Any]) -> tuple[str, list[str]]:
    notes: list[str] = []
    variables = mapping(server.get("variables"))

    def value(found: re.Match[str]) -> str:
        described = mapping(variables.get(found[1]))
        chosen = line(described.get("default"), 200)
        choices = described.get("enum")
        if chosen and isinstance(choices, list) and len(choices) > 1:
            others = ", ".join(line(each, 40) for each in choices[:8] if each != chosen)
            notes.append(f"In the address, {found[1][:40]} is {chosen}; there is also {others}.")
        return chosen or variable(found[1])

    url = re.sub(r"\{([^{}]{1,100})\}", value, text(server.get("url")).strip()).rstrip("/")
    if url.startswith("//"):
        url = f"https:{url}"
    if not re.match(r"https?://|\{\{", url, re.IGNORECASE):
        return f"{variable('base_url')}/{url.lstrip('/')}".rstrip("/"), [*notes, _HOSTLESS]
    return url, notes
