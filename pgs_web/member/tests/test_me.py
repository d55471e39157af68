import pytest

from pgs_web.member.models import Member
from pgs_web.member.phones import index_phone

pytestmark = pytest.mark.django_db(databases="__all__")
ME = "/api/v1/members/me/"


def test_own_data(signed_in, member):
    body = signed_in.get(ME).json()
    assert body["created_at"].endswith("Z")
    assert body == {
        "member_id": str(member.id),
        "username": "ada",
        "phone": None,
        "nickname": "小明",
        "state": "ACTIVE",
        "created_at": body["created_at"],
    }


def test_the_phone_is_masked(signed_in, member):
    Member.objects.filter(id=member.id).update(phone="13800138000", phone_index=index_phone("13800138000"))
    assert signed_in.get(ME).json()["phone"] == "138****8000"
    assert b"13800138000" not in signed_in.get(ME).content


@pytest.mark.parametrize("nickname", ["", "🎁", "👨‍👩‍👧 一家", "O'Neil <b>", "x" * 40])
def test_a_nickname_is_changed(signed_in, nickname):
    response = signed_in.patch(ME, {"nickname": nickname})
    assert response.status_code == 200
    assert signed_in.get(ME).json()["nickname"] == nickname


@pytest.mark.parametrize("nickname", ["x" * 41, "a\nb", "\u0000", "\u202e", None, 1, True, [], {}])
def test_other_nicknames_are_refused(signed_in, nickname):
    assert signed_in.patch(ME, {"nickname": nickname}).status_code == 400
    assert signed_in.get(ME).json()["nickname"] == "小明"


def test_nothing_else_can_be_changed(signed_in, member):
    before = Member.objects.filter(id=member.id).values().get()
    body = {"state": "BLOCKED", "member_id": "1", "id": 7, "username": "root", "password": "x", "phone": "13800138000",
            "is_staff": True, "created_at": "2020-01-01T00:00:00Z"}  # fmt: skip
    assert signed_in.patch(ME, body).status_code == 200
    assert Member.objects.filter(id=member.id).values().get() == before


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods(signed_in, method):
    response = getattr(signed_in, method)(ME, {})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, PATCH")
