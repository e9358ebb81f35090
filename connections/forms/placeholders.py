"""`{subdomain}` in an address: a part that each customer has their own of, with a field for each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from connections.providers import Placeholder

PREFIX = "placeholder_"
# What stands between braces in parameters and headers is filled in from the client and its tokens.
_NOT_IN_ADDRESSES = frozenset(
    {"access_token", "client_id", "client_secret", "code", "redirect_uri", "refresh_token"}
)
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)+{_LABEL}"
# Behind the host: what needs no encoding there, and climbs nowhere.
_PATH = r"[A-Za-z0-9_~-](?:[A-Za-z0-9._~-]{0,98}[A-Za-z0-9_~-])?"


class PlaceholderField(forms.CharField):
    """The value of a placeholder. Who pastes a whole address gets the part of it that is meant."""

    def __init__(self, placeholder: Placeholder, addresses: Iterable[str] = (), **options: Any) -> None:
        options = {
            "label": placeholder.label,
            "help_text": placeholder.help or f"For example {placeholder.example}.",
            "initial": placeholder.default or None,
            **options,
        }
        attributes = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        choices = placeholder.choices
        widget = forms.Select(choices=[("", "Choose…"), *choices.items()])
        super().__init__(widget=widget if choices else forms.TextInput(attrs=attributes), **options)
        self.placeholder = placeholder
        self.addresses = tuple(addresses)

    def clean(self, value: Any) -> str:
        typed: str = super().clean(value)
        if not typed:
            return ""
        for meant in _readings(typed, self.placeholder.name, self.addresses):
            if self.placeholder.accepts(meant):
                return meant
        raise ValidationError(
            f"This cannot be the {self.placeholder.label}. Enter only that part of the address, "
            f"for example {self.placeholder.example}."
        )


def _readings(typed: str, name: str, addresses: Sequence[str]) -> Iterable[str]:
    """What may be meant, the likeliest first: as it was typed, in lower case, as a part of an address."""
    yield typed
    yield typed.lower()
    try:
        pasted = urlsplit(typed if "://" in typed else f"//{typed}")
    except ValueError:
        return
    for address in addresses:
        host = urlsplit(address).netloc
        if f"{{{name}}}" in host and (found := _found(host, name, pasted.netloc.lower())):
            yield found


def _found(host: str, name: str, pasted: str) -> str:
    """What stands in a pasted host where the placeholder stands in the address's host."""
    parts = _PLACEHOLDER.split(host)
    # Every second part is a name. Of the same name twice, both must be the same.
    pattern = "".join(
        re.escape(part)
        if index % 2 == 0
        else (f"(?P={part})" if part in parts[1:index:2] else f"(?P<{part}>[a-z0-9.-]+)")
        for index, part in enumerate(parts)
    )
    match = re.fullmatch(pattern, pasted)
    return match[name] if match else ""


def names_in(address: str) -> list[str]:
    """The names of an address's placeholders, in order. Raises a ValidationError for stray braces."""
    if "{" in _PLACEHOLDER.sub("", address) or "}" in _PLACEHOLDER.sub("", address):
        raise ValidationError("Curly brackets name a part that is filled in, such as {subdomain}.")
    names = list(dict.fromkeys(_PLACEHOLDER.findall(address)))
    for name in names:
        if name in _NOT_IN_ADDRESSES:
            raise ValidationError(f"{{{name}}} cannot stand in an address.")
    return names


def placeholders_in(addresses: Iterable[str]) -> dict[str, Placeholder]:
    """A placeholder for each name in these addresses of a custom connection, by where it stands in them."""
    found: dict[str, Placeholder] = {}
    for address in addresses:
        try:
            names = names_in(address)
            host = urlsplit(address).netloc
        except (ValidationError, ValueError):
            continue  # said at its field
        for name in names:
            found.setdefault(name, _placeholder(name, host))
    return found


def filled_in(address: str, values: Mapping[str, str]) -> str:
    """The address with its placeholders' values; a name without one stays as it is."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or match[0], address)


def _placeholder(name: str, host: str) -> Placeholder:
    label = name.replace("_", " ").capitalize()
    if f"{{{name}}}" == host:
        return Placeholder(name, label, example="acme.example.com", pattern=_HOST)
    if f"{{{name}}}" in host:
        return Placeholder(name, label, example="acme", pattern=_LABEL)
    return Placeholder(name, label, example="acme", pattern=_PATH)
