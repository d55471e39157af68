"""Personal data at rest: text columns under AES-256-GCM with key rotation, and blind indexes to look them up."""

import hashlib
import hmac
import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models

KEY_BYTES = 32
NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The text was not encrypted by any configured key for this context, or it was altered."""


@lru_cache(maxsize=8)
def parse_keys(configured: str) -> dict[str, AESGCM]:
    """Key id → cipher, in the order written; raises ImproperlyConfigured naming what is wrong, never a key."""
    ciphers: dict[str, AESGCM] = {}
    for entry in configured.split(","):
        key_id, separator, encoded = entry.strip().partition(":")
        if not separator or not key_id or not key_id.isascii() or not key_id.isalnum():
            raise ImproperlyConfigured(
                "FIELD_ENCRYPTION_KEYS: write id:key,id:key with ids of letters and digits and keys in base64"
            )
        try:
            key = b64decode(encoded, validate=True)
        except (Base64Error, ValueError) as error:
            raise ImproperlyConfigured(f"FIELD_ENCRYPTION_KEYS: key {key_id!r} is not base64") from error
        if len(key) != KEY_BYTES:
            raise ImproperlyConfigured(
                f"FIELD_ENCRYPTION_KEYS: key {key_id!r} has {len(key)} bytes, {KEY_BYTES} are needed"
            )
        if key_id in ciphers:
            raise ImproperlyConfigured(f"FIELD_ENCRYPTION_KEYS: key id {key_id!r} is there twice")
        ciphers[key_id] = AESGCM(key)
    return ciphers


def current_key_id() -> str:
    """The id of the key that encrypts now: the first one."""
    return next(iter(parse_keys(settings.FIELD_ENCRYPTION_KEYS)))


def encrypt_text(text: str, *, context: str) -> str:
    """`keyid:base64url` of the text; `context` (which column it is for) must be given again to decrypt."""
    ciphers = parse_keys(settings.FIELD_ENCRYPTION_KEYS)
    key_id, cipher = next(iter(ciphers.items()))
    nonce = os.urandom(NONCE_BYTES)
    # The context is authenticated: a ciphertext that is copied to another column doesn't decrypt there.
    sealed = cipher.encrypt(nonce, text.encode(), f"{key_id}:{context}".encode())
    return f"{key_id}:{urlsafe_b64encode(nonce + sealed).decode()}"


def decrypt_text(stored: str, *, context: str) -> str:
    """The text behind `encrypt_text`'s answer; raises CannotDecrypt."""
    key_id, separator, encoded = stored.partition(":")
    cipher = parse_keys(settings.FIELD_ENCRYPTION_KEYS).get(key_id) if separator else None
    if cipher is None:
        raise CannotDecrypt(f"no key {key_id[:16]!r} for {context}: put it back into FIELD_ENCRYPTION_KEYS")
    try:
        sealed = urlsafe_b64decode(encoded.encode())
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{key_id}:{context}".encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt(f"a stored text of {context} was altered or belongs to another key or column") from error


def blind_index(text: str, purpose: str) -> str:
    """64 hex digits that are equal for equal texts of one purpose and say nothing without BLIND_INDEX_KEY."""
    key = settings.BLIND_INDEX_KEY.encode()
    return hmac.new(key, f"{purpose}\x00{text}".encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(models.TextField):
    """A text column that holds `encrypt_text`; `context` names the column and never changes once rows exist."""

    def __init__(self, *args: Any, context: str, **kwargs: Any) -> None:
        self.context = context
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "context": self.context}

    def from_db_value(self, value: str | None, *_database: Any) -> str | None:
        return None if value is None else decrypt_text(value, context=self.context)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return super().get_db_prep_save(value, connection)
        return super().get_db_prep_save(encrypt_text(str(value), context=self.context), connection)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        return self.refuse_lookup()

    def get_transform(self, lookup_name: str) -> NoReturn:
        self.refuse_lookup()

    def refuse_lookup(self) -> NoReturn:
        # Every encryption of a text differs, so a comparison would silently find nothing.
        raise FieldError(f"{self.name} is encrypted: look it up by a blind_index column")
