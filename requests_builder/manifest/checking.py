"""The shape of what a file says: keys that are known, texts that are texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import refuse


def named_entries(document: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The entries of a list of the file, each with where it stands. No name is there twice."""
    entries = document.get(key) or []
    if not isinstance(entries, list):
        refuse(key, "must be a list")
    named: list[tuple[str, Mapping[str, Any]]] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        where = f"{key}[{index}]"
        if not isinstance(entry, dict):
            refuse(where, "must be a mapping")
        name = str(entry.get("email" if key == "users" else "name", "")).strip()
        if name in seen:
            refuse(where, f"{name} is there twice")
        seen.add(name)
        named.append((f"{key}[{index}] ({name})" if name else where, entry))
    return named


def read_mapping(where: str, value: object, keys: Sequence[str] | None) -> dict[str, Any]:
    """A mapping that may be missing; `keys` are those that it may have, None: any."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(where, "must be a mapping")
    if keys is not None:
        check_keys(where, value, keys)
    return {str(key): inner for key, inner in value.items()}


def check_keys(where: str, mapping: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a key that nothing reads: it would be a setting that somebody believes in."""
    unknown = [str(key) for key in mapping if key not in known]
    if unknown:
        refuse(where, f"unknown key {', '.join(unknown)}; known are {', '.join(known)}")


def check_texts(where: str, mapping: Mapping[str, Any], *, but: Sequence[str] = ()) -> None:
    """YAML reads 0123 as 83 and 12:30 as 750: what should be a text has to be written as one."""
    for key, value in mapping.items():
        if key in but:
            continue
        if not isinstance(value, str):
            refuse(f"{where}.{key}", "must be a text: put it in quotation marks")
        if "\0" in value:
            refuse(f"{where}.{key}", "contains a null character")


def read_pairs(where: str, given: object) -> list[list[str]]:
    """A mapping of names to values, or a list of pairs where a name is there twice."""
    if isinstance(given, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        pairs = given
    else:
        pairs = [list(pair) for pair in read_mapping(where, given, None).items()]
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        refuse(where, "names and values must be texts: put them in quotation marks")
    return pairs
