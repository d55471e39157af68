"""One key, one body, one order id, over all partitions."""

import time

import pytest
from msgspec import structs

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.intake.claims import read_claims
from pgs_web.trade.intake.keys import (
    CLAIM_BUCKETS,
    claim_field,
    claims_key,
    flow_key,
    old_claims_key,
    own_claims_key,
)
from pgs_web.trade.intake.messages import Claim, Claimed, ClaimReply
from pgs_web.trade.intake.scripts import LARGEST_BATCH, claim_keys
from pgs_web.trade.intake.services import OrderRequest, digest_of
from pgs_web.trade.order.models import OrderMode

pytestmark = pytest.mark.usefixtures("redis_server")

MEMBER = 7
HOME = MEMBER % 16


def claim(*, key="k1", digest="d1", order_id=100, activity_id=5, member_id=MEMBER) -> Claim:
    return Claim(member_id=member_id, key=key, digest=digest, order_id=order_id, activity_id=activity_id)


def send(*claims: Claim) -> list[Claimed]:
    return claim_keys(partition=partition_of(claims[0].member_id), claims=claims)


def today() -> int:
    return int(time.time()) // 86_400


def test_a_new_key_is_bound_to_the_proposed_order():
    assert send(claim()) == [Claimed(ClaimReply.NEW, 100)]
    client = ledger(HOME)
    bucket = claims_key(MEMBER, today())
    assert client.hgetall(bucket) == {claim_field(MEMBER, "k1").encode(): f"{short_id(100)}|5|d1".encode()}
    assert read_claims(MEMBER, [today()]) == {100: 5}
    assert read_claims(MEMBER + 16 * CLAIM_BUCKETS, [today()]) == {}, "a neighbour in the same bucket"
    assert client.hget(flow_key(HOME), "claimed") == b"1"
    # Yesterday's bucket is asked all day long.
    assert 2 * 86_400 < client.ttl(bucket) <= 3 * 86_400


def test_the_expiry_of_a_bucket_is_not_moved():
    send(claim())
    client = ledger(HOME)
    client.expire(claims_key(MEMBER, today()), 1000)
    send(claim(key="k2", order_id=2))
    assert client.ttl(claims_key(MEMBER, today())) <= 1000


def test_the_same_body_again_brings_the_first_order_id():
    send(claim(order_id=100))
    assert send(claim(order_id=200)) == [Claimed(ClaimReply.SAME, 100)]
    assert ledger(HOME).hlen(claims_key(MEMBER, today())) == 1


def test_another_body_is_refused():
    send(claim())
    assert send(claim(digest="d2", order_id=200)) == [Claimed(ClaimReply.REUSED, 100)]
    # Another activity lives in another partition; the key is found all the same.
    assert send(claim(digest="d3", activity_id=6)) == [Claimed(ClaimReply.REUSED, 100)]


def test_keys_belong_to_members():
    send(claim())
    assert send(claim(member_id=MEMBER + 16, order_id=300)) == [Claimed(ClaimReply.NEW, 300)]


def test_yesterdays_key_is_still_known():
    client = ledger(HOME)
    client.hset(claims_key(MEMBER, today() - 1), claim_field(MEMBER, "k1"), f"{short_id(77)}|5|d1")
    assert send(claim()) == [Claimed(ClaimReply.SAME, 77)]
    assert send(claim(digest="other")) == [Claimed(ClaimReply.REUSED, 77)]
    client.hset(claims_key(MEMBER, today() - 2), claim_field(MEMBER, "old"), f"{short_id(78)}|5|d1")
    assert send(claim(key="old")) == [Claimed(ClaimReply.NEW, 100)]


def test_a_digest_is_what_it_was_before_there_were_wishes():
    request = OrderRequest(
        member_id=MEMBER,
        activity_id=5,
        quantity=1,
        address_id=7,
        group_id=None,
        mode=OrderMode.GROUP,
        idempotency_key="k1",
    )
    assert digest_of(request) == "7f9dbca9f4a261886296a589"
    wishing = {digest_of(structs.replace(request, wishes=code)) for code in range(6)}
    assert len(wishing) == 6


def test_what_an_older_version_claimed_is_still_known():
    client = ledger(HOME)
    digest = digest_of(
        OrderRequest(
            member_id=MEMBER,
            activity_id=5,
            quantity=1,
            address_id=7,
            group_id=None,
            mode=OrderMode.GROUP,
            idempotency_key="k1",
        )
    )
    for number, day in enumerate((today(), today() - 1)):
        old = {f"k:old{number}": f"{digest}|{77 + number}|5|1790000000000", f"o:{77 + number}": "5"}
        client.hset(old_claims_key(MEMBER, day), mapping=old)
    client.hset(flow_key(HOME), "claimed", 2)
    for number in range(2):
        assert send(claim(key=f"old{number}", digest=digest)) == [Claimed(ClaimReply.SAME, 77 + number, is_old=True)]
        assert send(claim(key=f"old{number}")) == [Claimed(ClaimReply.REUSED, 77 + number, is_old=True)]
        assert read_claims(MEMBER, [today() - number]) == {77 + number: 5}
    # The second version wrote ids out and kept twelve digits of the body's digest.
    client.hset(claims_key(MEMBER, today()), claim_field(MEMBER, "second"), f"90|5|{digest[:12]}")
    assert send(claim(key="second", digest=digest)) == [Claimed(ClaimReply.SAME, 90, is_old=True)]
    assert send(claim(key="new")) == [Claimed(ClaimReply.NEW, 100)]
    # Two days later nobody asks for it any more.
    client.hset(flow_key(HOME), "claims_since", today() - 2)
    assert send(claim(key="old0", order_id=3)) == [Claimed(ClaimReply.NEW, 3)]


def test_a_full_bucket_is_left_alone_and_everybody_is_still_recognised():
    """Buckets stay small, so that reading one stays cheap; who comes later that day gets a hash of their own."""
    client = ledger(HOME)
    neighbour = MEMBER + 16 * CLAIM_BUCKETS
    send(claim(key="early", order_id=1))
    for start in range(0, 400, 200):
        send(*(claim(member_id=neighbour, key=f"k{n}", order_id=1000 + n) for n in range(start, start + 200)))
    assert client.hlen(claims_key(MEMBER, today())) == 256
    assert client.hlen(own_claims_key(neighbour, today())) == 400 - 255
    assert client.ttl(own_claims_key(neighbour, today())) > 2 * 86_400
    assert send(claim(key="late", order_id=2)) == [Claimed(ClaimReply.NEW, 2)]
    for _round in range(2):
        assert send(claim(key="early", order_id=9)) == [Claimed(ClaimReply.SAME, 1)]
        assert send(claim(key="late", order_id=9)) == [Claimed(ClaimReply.SAME, 2)]
        assert send(claim(key="late", order_id=9, digest="x")) == [Claimed(ClaimReply.REUSED, 2)]
        assert send(claim(member_id=neighbour, key="k399", order_id=9)) == [Claimed(ClaimReply.SAME, 1399)]
        assert read_claims(MEMBER, [today(), today() - 1]) == {1: 5, 2: 5}
        assert len(read_claims(neighbour, [today(), today() - 1])) == 400
        # And tomorrow.
        for key in (claims_key, own_claims_key):
            for member in (MEMBER, neighbour):
                if client.exists(key(member, today())):
                    client.rename(key(member, today()), key(member, today() - 1))


def test_keys_with_signs_of_our_own_formats():
    for number, key in enumerate(["a|b", "o:100", "k:k1", "{p01}", "~" * 64, "!"], start=1):
        assert send(claim(key=key, order_id=number)) == [Claimed(ClaimReply.NEW, number)]
        assert send(claim(key=key, order_id=99)) == [Claimed(ClaimReply.SAME, number)]


def test_a_batch_sees_its_own_claims():
    replies = send(claim(order_id=1), claim(order_id=2), claim(order_id=3, digest="x"), claim(key="k2", order_id=4))
    assert [reply.reply for reply in replies] == ["NEW", "SAME", "REUSED", "NEW"]
    assert [reply.order_id for reply in replies] == [1, 1, 1, 4]


@pytest.mark.parametrize("size", [0, LARGEST_BATCH + 1])
def test_batches_have_a_size(size):
    with pytest.raises(ValueError, match="batch"):
        claim_keys(partition=HOME, claims=[claim()] * size)
