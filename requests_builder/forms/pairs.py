"""Rows of a name and a value: parameters and headers."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

Pair = tuple[str, str]


class PairsWidget(forms.Widget):
    """Rows of a name and a value, posted as two lists; the template draws them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Pair]:
        if hasattr(data, "getlist"):
            return list(zip(data.getlist(f"{name}-name"), data.getlist(f"{name}-value"), strict=False))
        given = data.get(name) or []
        return list(given.items() if isinstance(given, Mapping) else given)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class PairsField(forms.Field):
    """A list of [name, value] pairs, in order, without the rows that were left empty."""

    widget = PairsWidget

    def clean(self, value: Sequence[Pair]) -> list[list[str]]:
        return [[name.strip(), text] for name, text in value if name.strip() or text.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return [list(pair) for pair in initial or []] != self.clean(data or [])
