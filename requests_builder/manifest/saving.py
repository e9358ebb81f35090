"""What a page would refuse is refused here, by the same forms and with the file's names."""

from collections.abc import Callable

from django import forms

from .errors import InvalidManifest
from .keys import key_of


def save_form(where: str, form: forms.BaseForm, save: Callable[[], bool]) -> None:
    """Save what the form holds, if it is right and its name is still free."""
    if not form.is_valid() or not save():
        check_form(where, form)


def check_form(where: str, form: forms.BaseForm) -> None:
    """Refuse what the form refuses, each sentence with the key that it is about."""
    if form.is_valid():
        return
    sentences = [
        f"{where}: {error}" if name == "__all__" else f"{where}.{key_of(name)}: {error}"
        for name, errors in form.errors.items()
        for error in errors
    ]
    raise InvalidManifest("\n".join(sentences))
