from datetime import datetime

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection as database
from pytest_django.fixtures import Settings

from connections.encryption import DecryptionFailed, Sealed
from connections.models import Connection, Token
from tests import factories

SECRET = "s3cr3t-ü-€"


@pytest.fixture
def stored(db: None) -> Connection:
    return factories.ConnectionFactory(client_secret=SECRET)


def ciphertext_of(stored: Connection) -> bytes:
    with database.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM connections_connection WHERE name = %s", [stored.name])
        return bytes(cursor.fetchone()[0])


def reloaded(stored: Connection) -> Connection:
    return Connection.objects.get(pk=stored.pk)


@pytest.mark.requirement("R61")
def test_what_is_stored_is_read_again_and_cannot_be_read_from_the_database(stored: Connection) -> None:
    assert reloaded(stored).client_secret == SECRET
    assert SECRET.encode() not in ciphertext_of(stored)
    assert stored.client_secret == SECRET


def test_none_stays_null(db: None) -> None:
    stored = factories.ConnectionFactory(client_secret=None)

    assert reloaded(stored).client_secret is None
    assert Connection.objects.filter(client_secret__isnull=True).exists()


def test_the_same_secret_is_never_the_same_ciphertext(stored: Connection) -> None:
    before = ciphertext_of(stored)
    stored.client_secret = SECRET
    stored.save()

    assert ciphertext_of(stored) != before


@pytest.mark.requirement("R61")
def test_a_ciphertext_copied_to_another_row_does_not_decrypt(stored: Connection) -> None:
    other = factories.ConnectionFactory()
    Connection.objects.filter(pk=other.pk).update(client_secret=Sealed(ciphertext_of(stored)))

    with pytest.raises(DecryptionFailed):
        _ = reloaded(other).client_secret


def test_a_ciphertext_copied_to_another_column_does_not_decrypt(stored: Connection, now: datetime) -> None:
    token = factories.connected(stored, now=now)
    row = Token.objects.filter(pk=token.pk).values("access_token").get()
    Token.objects.filter(pk=token.pk).update(refresh_token=row["access_token"])

    with pytest.raises(DecryptionFailed):
        _ = Token.objects.get(pk=token.pk).refresh_token


@pytest.mark.parametrize("position", [0, 1, 5, 20, -1])
def test_a_changed_byte_is_noticed(stored: Connection, position: int) -> None:
    changed = bytearray(ciphertext_of(stored))
    changed[position] ^= 1
    Connection.objects.filter(pk=stored.pk).update(client_secret=Sealed(changed))

    with pytest.raises(DecryptionFailed):
        _ = reloaded(stored).client_secret


@pytest.mark.parametrize("length", [0, 1, 3, 10, 20])
def test_a_cut_ciphertext_is_noticed(stored: Connection, length: int) -> None:
    Connection.objects.filter(pk=stored.pk).update(client_secret=Sealed(ciphertext_of(stored)[:length]))

    with pytest.raises(DecryptionFailed):
        _ = reloaded(stored).client_secret


@pytest.mark.requirement("R61")
def test_keys_rotate_the_first_encrypts_and_all_decrypt(stored: Connection, settings: Settings) -> None:
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {99: b"n" * 32} | old

    rotated = reloaded(stored)
    rotated.client_secret = rotated.client_secret
    rotated.save()

    settings.ENCRYPTION_KEYS = {99: b"n" * 32}
    assert reloaded(stored).client_secret == SECRET
    settings.ENCRYPTION_KEYS = old
    with pytest.raises(DecryptionFailed, match="ENCRYPTION_KEYS"):
        _ = reloaded(stored).client_secret


def test_an_unreadable_secret_spoils_neither_list_nor_row(stored: Connection, settings: Settings) -> None:
    ring = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {99: b"n" * 32}

    [row] = Connection.objects.all()
    row.name = "Renamed"
    row.save()

    settings.ENCRYPTION_KEYS = ring
    assert (reloaded(stored).name, reloaded(stored).client_secret) == ("Renamed", SECRET)


def test_an_error_never_shows_the_secret(stored: Connection, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = {99: b"n" * 32}

    with pytest.raises(DecryptionFailed) as caught:
        _ = reloaded(stored).client_secret

    assert SECRET not in repr(caught.value)
    assert str(ciphertext_of(stored)) not in repr(caught.value)


@pytest.mark.parametrize("value", ["plain", b"plain"])
def test_an_update_takes_no_plain_text(stored: Connection, value: object) -> None:
    with pytest.raises(TypeError, match="sealed"):
        Connection.objects.filter(pk=stored.pk).update(client_secret=value)


def test_a_bulk_update_takes_no_plain_text(stored: Connection) -> None:
    stored.client_secret = "changed"

    with pytest.raises(TypeError, match="sealed"):
        Connection.objects.bulk_update([stored], ["client_secret"])


def test_nobody_can_search_for_or_export_a_secret(stored: Connection) -> None:
    with pytest.raises(FieldError):
        Connection.objects.filter(client_secret=SECRET).exists()
    with pytest.raises(FieldError):
        serializers.serialize("json", [stored])


def test_values_gives_ciphertext(stored: Connection) -> None:
    assert SECRET not in str(Connection.objects.values_list("client_secret"))


def test_whether_there_is_a_refresh_token_is_known_without_any_key(
    stored: Connection, now: datetime, settings: Settings
) -> None:
    factories.connected(stored, now=now)
    settings.ENCRYPTION_KEYS = {99: b"n" * 32}

    assert Token.objects.get().has_refresh_token
