"""That a file cannot be applied, and where."""

from typing import NoReturn


class InvalidManifest(Exception):
    """The file cannot be applied. Says where, what is wrong, and what to do; nothing was changed."""


def refuse(where: str, what: str) -> NoReturn:
    """Raise InvalidManifest: where in the file, and what is wrong there."""
    raise InvalidManifest(f"{where}: {what.removesuffix('.')}.")
