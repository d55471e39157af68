import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from pgs_web.member.errors import TooManyAddresses
from pgs_web.member.models import Address
from pgs_web.member.services.addresses import MOST_ADDRESSES, create_address, remove_address
from pgs_web.member.tokens import issue_access_token

pytestmark = pytest.mark.django_db(databases="__all__")
LIST = "/api/v1/members/me/addresses/"
VALUES: Any = {
    "receiver_name": "欧阳小明",
    "phone": "13800138000",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "detail": "文三路 90 号 🎁",
}


def place(address_id):
    return f"{LIST}{address_id}/"


@pytest.fixture
def address(member):
    return create_address(member_id=member.id, **VALUES)


@pytest.fixture
def foreign(other):
    return create_address(member_id=other.id, **VALUES)


def test_an_address_from_beginning_to_end(signed_in, member):
    created = signed_in.post(LIST, VALUES)
    assert created.status_code == 201
    body = created.json()
    assert body == {"address_id": body["address_id"], **VALUES, "is_default": True}
    assert signed_in.get(place(body["address_id"])).json() == body

    changed = signed_in.patch(place(body["address_id"]), {"city": "宁波市", "phone": "+8613900139000"})
    assert changed.status_code == 200
    assert changed.json() == {**body, "city": "宁波市", "phone": "13900139000"}

    assert signed_in.delete(place(body["address_id"])).status_code == 204
    for response in (
        signed_in.get(place(body["address_id"])),
        signed_in.patch(place(body["address_id"]), {"city": "x"}),
        signed_in.delete(place(body["address_id"])),
    ):
        assert response.status_code == 404
    assert signed_in.get(LIST).json()["results"] == []
    # Orders that name it can still be shipped.
    assert Address.objects.get().detail == VALUES["detail"]


def test_lists_are_masked_and_paged(signed_in, member, foreign):
    ids = [create_address(member_id=member.id, **VALUES).id for _ in range(5)]
    page = signed_in.get(f"{LIST}?page_size=3").json()
    assert set(page) == {"next", "previous", "results"}
    assert [int(each["address_id"]) for each in page["results"]] == ids[:1:-1]
    first = page["results"][0]
    assert (first["receiver_name"], first["phone"], first["detail"]) == ("欧***", "138****8000", "文三路****")
    rest = signed_in.get(page["next"]).json()
    assert [int(each["address_id"]) for each in rest["results"]] == ids[1::-1]
    assert signed_in.get(rest["previous"]).json()["results"] == page["results"]


@pytest.mark.parametrize("query", ["page_size=0", "page_size=101", "page_size=abc", "page_size=１", "page_size=",
    "page_size=-1",
    "cursor=", "cursor=%F0%9F%8E%81", "cursor=abc", "cursor=cD14", "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
    "cursor=bz05OTk5OQ==", "cursor=cj0y", "cursor=" + "A" * 4000, "cursor=cD0xAHA9MQ=="])  # fmt: skip
def test_cursors_and_sizes_from_elsewhere(signed_in, query):
    response = signed_in.get(f"{LIST}?{query}")
    # cursor= is base64 of nothing: the first page.
    assert response.status_code == (200 if query == "cursor=" else 400), response.content


def test_anothers_address_is_like_one_that_is_not_there(signed_in, foreign):
    answers = [
        signed_in.get(place(foreign.id)),
        signed_in.patch(place(foreign.id), {"city": "x"}),
        signed_in.delete(place(foreign.id)),
    ]
    missing = [
        signed_in.get(place(10**9)),
        signed_in.patch(place(10**9), {"city": "x"}),
        signed_in.delete(place(10**9)),
    ]
    for answer, control in zip(answers, missing, strict=True):
        assert answer.status_code == control.status_code == 404
        assert {**answer.json(), "trace_id": ""} == {**control.json(), "trace_id": ""}
    foreign.refresh_from_db()
    assert (foreign.city, foreign.deleted_at) == ("杭州市", None)


@pytest.mark.parametrize("name", ["receiver_name", "phone", "province", "city", "detail"])
@pytest.mark.parametrize("value", ["", "  ", None, 1, True, [], {}, "x" * 201, "a\r\nb", "a\u0000b", "\u202e"])
def test_each_field_is_checked(signed_in, address, name, value):
    assert signed_in.post(LIST, {**VALUES, name: value}).status_code == 400
    assert signed_in.patch(place(address.id), {name: value}).status_code == 400
    assert Address.objects.count() == 1


def test_a_missing_field(signed_in):
    for name in ("receiver_name", "phone", "province", "city", "detail"):
        body = {key: value for key, value in VALUES.items() if key != name}
        problem = signed_in.post(LIST, body).json()
        assert [(error["field"], error["code"]) for error in problem["errors"]] == [(name, "required")]


def test_fields_that_are_not_the_shoppers_are_not_obeyed(signed_in, member, other, address):
    body = {
        **VALUES,
        "member_id": str(other.id),
        "member": other.id,
        "id": 77,
        "address_id": "77",
        "deleted_at": "2020-01-01",
    }
    created = signed_in.post(LIST, body).json()
    assert created["address_id"] != "77"
    assert Address.objects.get(id=created["address_id"]).member_id == member.id
    signed_in.patch(place(address.id), {"member_id": str(other.id), "address_id": "77", "is_default": True})
    address.refresh_from_db()
    assert (address.member_id, address.deleted_at) == (member.id, None)


def test_a_token_of_a_member_who_is_gone_adds_nothing(api):
    headers = {"Authorization": f"Bearer {issue_access_token(member_id=10**12)}"}
    assert api.post(LIST, VALUES, headers=headers).status_code == 404
    assert not Address.objects.exists()


def test_one_default(signed_in, member):
    first, second, third = (
        signed_in.post(LIST, {**VALUES, **extra}).json() for extra in ({}, {}, {"is_default": True})
    )
    assert [each["is_default"] for each in (first, second, third)] == [True, False, True]
    assert list(Address.objects.filter(is_default=True).values_list("id", flat=True)) == [int(third["address_id"])]
    signed_in.patch(place(second["address_id"]), {"is_default": True})
    assert list(Address.objects.filter(is_default=True).values_list("id", flat=True)) == [int(second["address_id"])]


def test_20_addresses_are_enough(signed_in, member, address):
    for _ in range(MOST_ADDRESSES - 1):
        create_address(member_id=member.id, **VALUES)
    response = signed_in.post(LIST, VALUES)
    assert (response.status_code, response.json()["code"]) == (409, "too_many_addresses")
    remove_address(member_id=member.id, address_id=address.id)
    assert signed_in.post(LIST, VALUES).status_code == 201


@pytest.mark.django_db(databases="__all__", transaction=True)
class TestAtOnce:
    def run(self, count, act):
        start = threading.Barrier(count)

        def one(_number):
            try:
                start.wait()
                act()
            except TooManyAddresses:
                return False
            else:
                return True
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    def test_no_21st_address_and_no_second_default(self, member):
        for _ in range(MOST_ADDRESSES - 4):
            create_address(member_id=member.id, **VALUES)
        outcomes = self.run(8, lambda: create_address(member_id=member.id, **VALUES, is_default=True))
        assert sum(outcomes) == 4
        assert Address.objects.count() == MOST_ADDRESSES
        assert Address.objects.filter(is_default=True).count() == 1
