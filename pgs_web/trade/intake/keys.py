"""Redis keys of the intake: one stream and its counters a partition, and the idempotency keys of members."""

import hashlib
from base64 import urlsafe_b64encode

from pgs_data.redis.partitions import partition_count, partition_of, tag

# Hash of the receiving processes: who → what of the partitions' news they have read, and when; checks S7 and S9 look.
READERS_KEY = "intake:readers"
# The consumer group of the drain processes.
INTAKE_GROUP = "drain"
# Buckets of claims a partition and day. At 16 partitions they stay small hashes, which Redis keeps packed, up to
# 8 million claims a day; beyond it a claim costs about 150 bytes more. It can't be changed: keys would not be found.
CLAIM_BUCKETS = 2048


def intake_key(partition: int) -> str:
    """Stream of admitted orders, one entry a batch; documents.py reads it."""
    return f"{tag(partition)}:intake"


def flow_key(partition: int) -> str:
    """Hash of counters of orders: claimed, accepted, persisted, rejected, foreign, later; and rate, orders a second."""
    return f"{tag(partition)}:flow"


def set_aside_key(partition: int) -> str:
    """Stream of the entries that could not become an order, with the reason, for engineers."""
    return f"{tag(partition)}:set_aside"


def unpaid_key(partition: int) -> str:
    """Hash of what members whose home is the partition have not paid: `order id|activity id|attempts;` each."""
    return f"{tag(partition)}:unpaid"


def claims_key(member_id: int, day: int) -> str:
    """Hash of what keys were used for on a day (days since 1970, UTC), by the members of one bucket of their partition.

    Field: claim_field; value: `order id as a short text|activity id|digest of the body`.
    """
    return f"{tag(partition_of(member_id))}:claims:{day:d}:{claim_bucket(member_id):d}"


def own_claims_key(member_id: int, day: int) -> str:
    """The same for one member, whose bucket was full."""
    return f"{tag(partition_of(member_id))}:claims_of:{day:d}:{member_id:d}"


def old_claims_key(member_id: int, day: int) -> str:
    """Hash of a member's claims of a day as version 1 wrote it: `k:<key>` → …, `o:<order id>` → activity id."""
    return f"{tag(partition_of(member_id))}:claims:{member_id:d}:{day:d}"


def claim_bucket(member_id: int) -> int:
    """The bucket of a member's claims in its home partition: neighbours' ids fill all buckets evenly."""
    return member_id // partition_count() % CLAIM_BUCKETS


def digest_of_key(key: str) -> str:
    """8 signs in the place of an idempotency key, of 48 bits: a member could collide with their own keys only."""
    return urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=6).digest()).decode("ascii")


def claim_field(member_id: int, key: str) -> str:
    """Field of a claim in its bucket."""
    return f"{member_id:d}:{digest_of_key(key)}"
