import base64
import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_data.encryption import CannotDecrypt, blind_index, decrypt_text, encrypt_text, parse_keys


def make_key(name):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_a_text_comes_back_and_looks_different_each_time():
    first, second = (encrypt_text("张三 13800138000 🎁", context="a") for _ in range(2))
    assert first != second
    assert "13800138000" not in first
    assert decrypt_text(first, context="a") == decrypt_text(second, context="a") == "张三 13800138000 🎁"


def test_a_text_moved_to_another_column_does_not_decrypt():
    with pytest.raises(CannotDecrypt):
        decrypt_text(encrypt_text("x", context="member.phone"), context="address.phone")


@pytest.mark.parametrize("stored", ["", "plain text", "demo:", "demo:!!!", "demo:AAAA", "gone:AAAA", ":"])
def test_what_was_not_encrypted_is_refused(stored):
    with pytest.raises(CannotDecrypt):
        decrypt_text(stored, context="a")


def test_every_altered_byte_is_noticed():
    key_id, _, encoded = encrypt_text("secret", context="a").partition(":")
    sealed = base64.urlsafe_b64decode(encoded)
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(CannotDecrypt):
            decrypt_text(f"{key_id}:{base64.urlsafe_b64encode(bytes(altered)).decode()}", context="a")


def test_rotation_encrypts_with_the_first_key_and_reads_both(settings):
    old, new = make_key("old"), make_key("new")
    settings.FIELD_ENCRYPTION_KEYS = old
    stored = encrypt_text("x", context="a")
    settings.FIELD_ENCRYPTION_KEYS = f"{new},{old}"
    assert decrypt_text(stored, context="a") == "x"
    assert encrypt_text("x", context="a").startswith("new:")
    settings.FIELD_ENCRYPTION_KEYS = new
    with pytest.raises(CannotDecrypt, match="no key 'old'"):
        decrypt_text(stored, context="a")


@pytest.mark.parametrize(
    "configured",
    ["", "demo", "demo:", ":AAAA", "demo:not base64", "demo:QUFB", f"{make_key('a')},{make_key('a')}"],
    # The last one is random: every process must call the case the same.
    ids=["empty", "no key", "empty key", "no id", "not base64", "too short", "twice"],
)
def test_unusable_keys_are_named_and_never_shown(configured):
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_keys(configured)
    assert "FIELD_ENCRYPTION_KEYS" in str(caught.value)
    assert "QUFB" not in str(caught.value)


def test_blind_index_depends_on_text_purpose_and_key(settings):
    first = blind_index("13800138000", "member.phone")
    assert first == blind_index("13800138000", "member.phone")
    others = {blind_index("13800138001", "member.phone"), blind_index("13800138000", "other")}
    settings.BLIND_INDEX_KEY = "another key"
    others.add(blind_index("13800138000", "member.phone"))
    assert first not in others
    assert len(others) == 3
