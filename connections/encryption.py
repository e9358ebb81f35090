"""Text that is encrypted at rest, bound to its row and column.

AES-256-GCM. A stored value is `0x01 | key number (2 bytes) | nonce (12 bytes) | ciphertext and tag`. What is
authenticated beside it names table, column and primary key, so that a value copied into another row or
column does not decrypt. `ENCRYPTION_KEYS` is a ring: its first key encrypts, every key of it decrypts.
"""

import functools
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

_VERSION = b"\x01"
_NONCE_LENGTH = 12
_HEADER_LENGTH = len(_VERSION) + 2


class DecryptionFailed(Exception):
    """A stored secret cannot be read: its key is gone from the ring, or the value is not of this row.

    Nothing is written back; the right key makes it readable again.
    """


# One for each key of the ring: to set one up takes longer than to encrypt a token with it.
_cipher = functools.lru_cache(maxsize=16)(AESGCM)


class Sealed(bytes):
    """Ciphertext as it is stored. The only kind of value that an encrypted column takes."""


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text in Python, ciphertext in the database. None stays NULL.

    Decrypts when the attribute is read, so that one unreadable row does not spoil a list. Needs a primary
    key that exists before the first save. `QuerySet.update()` takes only what `seal()` has made.
    """

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, _Attribute(self))

    def seal(self, pk: object, text: str) -> Sealed:
        """Encrypt `text` for this column of the row `pk`."""
        number, key = next(iter(settings.ENCRYPTION_KEYS.items()))
        header = _VERSION + number.to_bytes(2, "big")
        nonce = os.urandom(_NONCE_LENGTH)
        return Sealed(header + nonce + _cipher(key).encrypt(nonce, text.encode(), self._bound_to(header, pk)))

    def unseal(self, pk: object, sealed: bytes) -> str:
        """Decrypt what this column of the row `pk` holds. Raises DecryptionFailed."""
        header, nonce = sealed[:_HEADER_LENGTH], sealed[_HEADER_LENGTH : _HEADER_LENGTH + _NONCE_LENGTH]
        key = settings.ENCRYPTION_KEYS.get(int.from_bytes(header[len(_VERSION) :], "big"))
        if header[: len(_VERSION)] != _VERSION or key is None or len(nonce) != _NONCE_LENGTH:
            raise DecryptionFailed(
                f"{self._column} of {pk}: the key that it was encrypted with is not in ENCRYPTION_KEYS"
            )
        try:
            ciphertext = sealed[_HEADER_LENGTH + _NONCE_LENGTH :]
            return _cipher(key).decrypt(nonce, ciphertext, self._bound_to(header, pk)).decode()
        except InvalidTag:
            raise DecryptionFailed(
                f"{self._column} of {pk} was not encrypted for this place with this key"
            ) from None

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, str):
            value = self.seal(model_instance.pk, value)
            model_instance.__dict__[self.attname] = value
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        # QuerySet.update() and bulk_update() skip pre_save(): they would store the plain text.
        if value is not None and not isinstance(value, Sealed):
            raise TypeError(f"{self._column} takes sealed values only: see EncryptedTextField.seal")
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self._column} is encrypted: it can be asked only whether it is NULL")
        return super().get_lookup(lookup_name)

    def value_to_string(self, obj: models.Model) -> str:
        raise FieldError(f"{self._column} is a secret and is never exported")

    @property
    def _column(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def _bound_to(self, header: bytes, pk: object) -> bytes:
        return header + f"{self._column}:{pk}".encode()


class _Attribute:
    """Reads the plain text of an encrypted field; what is assigned stays plain until it is saved."""

    def __init__(self, field: EncryptedTextField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        return self.field.unseal(instance.pk, value) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: str | Sealed | None) -> None:
        instance.__dict__[self.field.attname] = value


def encrypted_field(model: type[models.Model], name: str) -> EncryptedTextField:
    """The field of this name, to seal what goes into a QuerySet.update()."""
    field = model._meta.get_field(name)
    assert isinstance(field, EncryptedTextField)
    return field
