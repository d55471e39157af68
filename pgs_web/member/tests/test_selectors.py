from typing import Any

import pytest
from django.db import connection

from pgs_data.redis.connections import cache
from pgs_web.member import keys
from pgs_web.member.selectors import (
    find_address_owners,
    get_address_snapshot,
    get_address_snapshots,
    get_masked_names,
    has_address,
    read_address_snapshot,
)
from pgs_web.member.services.addresses import change_address, create_address, remove_address

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


@pytest.fixture
def address(member):
    return create_address(member_id=member.id, **VALUES)


@pytest.fixture
def foreign(other):
    return create_address(member_id=other.id, **VALUES)


class TestOwners:
    def test_in_a_rush_the_database_is_asked_once(self, member, other, address, django_assert_num_queries):
        cache().flushdb()
        with django_assert_num_queries(1):
            assert has_address(member_id=member.id, address_id=address.id)
        with django_assert_num_queries(0):
            for _ in range(10):
                assert has_address(member_id=member.id, address_id=address.id)
                assert not has_address(member_id=other.id, address_id=address.id)

    def test_a_new_address_and_a_looked_at_one_are_known_already(
        self, signed_in, member, address, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            assert has_address(member_id=member.id, address_id=address.id)
        cache().flushdb()
        signed_in.get(LIST)
        with django_assert_num_queries(0):
            assert has_address(member_id=member.id, address_id=address.id)

    def test_what_is_not_there(self, member, address):
        assert not has_address(member_id=member.id, address_id=10**18)
        remove_address(member_id=member.id, address_id=address.id)
        assert not has_address(member_id=member.id, address_id=address.id)

    def test_it_is_remembered_for_a_while_only(self, member, address, settings):
        assert 0 < cache().ttl(keys.address_owner(address.id)) <= settings.ADDRESS_OWNER_SECONDS
        assert not has_address(member_id=member.id, address_id=10**18)
        assert 0 < cache().ttl(keys.address_owner(10**18)) <= 2

    def test_many_at_once(self, member, other, address, foreign, django_assert_num_queries):
        cache().delete(keys.address_owner(foreign.id))
        with django_assert_num_queries(1):
            owners = find_address_owners([address.id, foreign.id, 10**18, address.id])
        assert owners == {address.id: member.id, foreign.id: other.id, 10**18: None}
        assert find_address_owners([]) == {}

    @pytest.mark.slow
    def test_without_redis_the_database_knows(self, member, other, address, redis_server):
        redis_server.pause()
        assert has_address(member_id=member.id, address_id=address.id)
        assert not has_address(member_id=other.id, address_id=address.id)


def snapshot(member, address):
    stored = get_address_snapshot(member.id, address.id)
    assert stored is not None
    return stored


class TestSnapshots:
    def test_a_snapshot_is_opaque_and_comes_back(self, member, address):
        stored = snapshot(member, address)
        assert VALUES["phone"] not in stored
        assert read_address_snapshot(stored).detail == VALUES["detail"]
        masked = read_address_snapshot(stored).masked()
        assert (masked.receiver_name, masked.phone, masked.detail) == ("欧***", "138****8000", "文三路****")

    def test_it_does_not_change_with_the_address(self, member, address):
        before = snapshot(member, address)
        change_address(member_id=member.id, address_id=address.id, city="宁波市")
        assert read_address_snapshot(before).city == "杭州市"
        assert read_address_snapshot(snapshot(member, address)).city == "宁波市"

    def test_a_removed_address_can_still_be_shipped_to(self, member, address):
        remove_address(member_id=member.id, address_id=address.id)
        assert snapshot(member, address)

    def test_anothers_is_not_given(self, member, foreign):
        assert get_address_snapshot(member.id, foreign.id) is None
        assert get_address_snapshot(member.id, 10**18) is None

    def test_many_by_one_query(self, member, other, address, foreign, django_assert_num_queries):
        with django_assert_num_queries(1):
            snapshots = get_address_snapshots([(member.id, address.id), (other.id, foreign.id), (member.id, 10**18)])
        assert set(snapshots) == {address.id, foreign.id}


def test_the_table_holds_no_personal_data_in_plain_text(address):
    with connection.cursor() as cursor:
        cursor.execute("SELECT receiver_name, phone, detail FROM member_address")
        for stored in cursor.fetchone():
            assert stored.startswith("demo:")


def test_members_see_each_other_masked(member, other, django_assert_num_queries):
    with django_assert_num_queries(1):
        names = get_masked_names([member.id, other.id, 10**18])
    assert names == {member.id: "小*", other.id: f"***{other.id % 100:02d}", 10**18: "***00"}
