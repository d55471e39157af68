import base64
import os

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection

from pgs_web.member.models import Address, Member

pytestmark = pytest.mark.django_db(databases="__all__")


def make_key(name):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_the_table_holds_no_plain_text():
    member = Member.objects.create(username="ada", phone="13800138000", password="!")
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM member WHERE id = %s", [member.pk])
        (stored,) = cursor.fetchone()
    assert stored.startswith("demo:")
    assert Member.objects.get(pk=member.pk).phone == "13800138000"


def test_update_bulk_create_and_bulk_update_encrypt_too():
    (member,) = Member.objects.bulk_create([Member(username="ada", phone="1", password="!")])
    Member.objects.filter(pk=member.pk).update(phone="2")
    assert Member.objects.get(pk=member.pk).phone == "2"
    member.phone = "3"
    Member.objects.bulk_update([member], ["phone"])
    assert Member.objects.get(pk=member.pk).phone == "3"
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM member WHERE id = %s", [member.pk])
        assert cursor.fetchone()[0].startswith("demo:")


def test_a_look_up_that_could_never_match_is_refused():
    for look_up in ("phone", "phone__contains", "phone__in", "phone__gt"):
        with pytest.raises(FieldError, match="encrypted"):
            list(Member.objects.filter(**{look_up: ["1"] if look_up.endswith("in") else "1"}))
    assert list(Member.objects.filter(phone__isnull=True)) == []


def test_reencrypt_fields_moves_everything_to_the_new_key(settings, capsys):
    old, new = make_key("old"), make_key("new")
    settings.FIELD_ENCRYPTION_KEYS = old
    members = Member.objects.bulk_create([Member(username=f"m{n}", phone=str(n), password="!") for n in range(5)])
    Address.objects.bulk_create(
        [Address(member=member, receiver_name="a", phone="b", detail="c") for member in members]
    )
    settings.FIELD_ENCRYPTION_KEYS = f"{new},{old}"
    call_command("reencrypt_fields", "--json")
    assert '"column": "member.phone", "changed": 5' in capsys.readouterr().out
    settings.FIELD_ENCRYPTION_KEYS = new
    assert sorted(str(member.phone) for member in Member.objects.all()) == list("01234")
    assert {address.detail for address in Address.objects.all()} == {"c"}
    call_command("reencrypt_fields", "--json")
    assert '"changed": 5' not in capsys.readouterr().out
