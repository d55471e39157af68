"""One key, one body, one order id, over all partitions."""

import time

import pytest

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.intake.keys import claims_key, flow_key, recent_key
from pgs_web.trade.intake.messages import Claim, Claimed, ClaimReply
from pgs_web.trade.intake.scripts import LARGEST_BATCH, claim_keys

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
    assert client.hget(bucket, "k:k1").startswith(b"d1|100|5|")
    assert client.hget(bucket, "o:100") == b"5"
    assert client.lrange(recent_key(MEMBER, today()), 0, -1) == [b"100|5"]
    assert client.hget(flow_key(HOME), "claimed") == b"1"
    for key in (bucket, recent_key(MEMBER, today())):
        # Yesterday's bucket is asked all day long.
        assert 2 * 86_400 < client.ttl(key) <= 3 * 86_400


def test_the_same_body_again_brings_the_first_order_id():
    send(claim(order_id=100))
    assert send(claim(order_id=200)) == [Claimed(ClaimReply.SAME, 100)]
    assert ledger(HOME).hlen(claims_key(MEMBER, today())) == 2


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
    client.hset(claims_key(MEMBER, today() - 1), "k:k1", "d1|77|5|1")
    assert send(claim()) == [Claimed(ClaimReply.SAME, 77)]
    assert send(claim(digest="other")) == [Claimed(ClaimReply.REUSED, 77)]


def test_keys_with_signs_of_our_own_formats():
    for number, key in enumerate(["a|b", "o:100", "k:k1", "{p01}", "~" * 64, "!"], start=1):
        assert send(claim(key=key, order_id=number)) == [Claimed(ClaimReply.NEW, number)]
        assert send(claim(key=key, order_id=99)) == [Claimed(ClaimReply.SAME, number)]


def test_a_batch_sees_its_own_claims():
    replies = send(claim(order_id=1), claim(order_id=2), claim(order_id=3, digest="x"), claim(key="k2", order_id=4))
    assert [reply.reply for reply in replies] == ["NEW", "SAME", "REUSED", "NEW"]
    assert [reply.order_id for reply in replies] == [1, 1, 1, 4]


def test_the_list_of_recent_claims_is_bounded():
    for start in range(0, 600, LARGEST_BATCH):
        send(
            *(claim(key=f"k{number}", order_id=number + 1) for number in range(start, min(start + LARGEST_BATCH, 600)))
        )
    recent = ledger(HOME).lrange(recent_key(MEMBER, today()), 0, -1)
    assert 128 <= len(recent) <= 256
    assert recent[0] == b"600|5"


@pytest.mark.parametrize("size", [0, LARGEST_BATCH + 1])
def test_batches_have_a_size(size):
    with pytest.raises(ValueError, match="batch"):
        claim_keys(partition=HOME, claims=[claim()] * size)
