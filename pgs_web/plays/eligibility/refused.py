"""Refused helps, as operators look at them: counted by day, with a few of each kind kept.

However many are refused, what is kept stays small: a hash of MOST_FIELDS a day and game, a stream of MOST_SAMPLES a
kind and game, one script a refusal. It lives in the ledger beside the counters that refuse, without waiting for
replicas: a server that dies may lose the last of it, and nobody is helped or refused by it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from pgs_data.lua.loader import Script
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_web.plays.eligibility.keys import partition_of_play, refused_key, refused_pace_key, refused_samples_key
from pgs_web.plays.eligibility.scripts import EAST_MS

KEEP_DAYS = 35
DAYS_SHOWN = 14
# A campaign has some eight kinds: of so many campaigns a day each is counted by itself, the others together.
MOST_FIELDS = 2_000
MOST_SAMPLES = 200
SAMPLES_A_MINUTE = 20
SAMPLES_SHOWN = 50
KINDS_SHOWN = 20
MS_A_DAY = 86_400_000
# Campaign 0: of campaigns that were too many to be counted apart.
REST = 0

log = structlog.get_logger(__name__)

_note_refusal = Script.load("pgs_web.plays.eligibility", "note_refusal")


@dataclass(frozen=True, kw_only=True)
class RefusedCount:
    """How often a day refused helps in a campaign for one reason."""

    day: date
    campaign_id: int
    refusal: str
    count: int


@dataclass(frozen=True, kw_only=True)
class RefusedSample:
    """One refusal: who asked for whom; `device` and `address` are blind indexes, to be compared only."""

    at: datetime
    campaign_id: int
    refusal: str
    round_id: int
    initiator_id: int
    helper_id: int
    device: str
    address: str


def note_refusal(*, code: str, campaign_id: int, refusal: str, seen: Mapping[str, int | str]) -> None:
    """Counts a refusal, and keeps `seen` (round, initiator, helper, device, address) if there is room for it.

    `refusal` is a code. While Redis is away nothing is counted: a help is refused all the same.
    """
    try:
        _note_refusal(
            ledger(partition_of_play(code)),
            keys={"samples": refused_samples_key(code, refusal), "pace": refused_pace_key(code, refusal)},
            args={
                "code": code,
                "field": f"{campaign_id}:{refusal}",
                "rest": f"{REST}:{refusal}",
                # Ids as texts: Lua's and JavaScript's numbers are exact up to 2^53 only.
                "seen": json.dumps({name: str(value) for name, value in seen.items()}),
                "most_fields": MOST_FIELDS,
                "most_samples": MOST_SAMPLES,
                "most_a_minute": SAMPLES_A_MINUTE,
                "keep_ms": KEEP_DAYS * MS_A_DAY,
                "east_ms": EAST_MS,
            },
        )
    except RedisUnavailable as error:
        log.warning("refusal_not_counted", play=code, refusal=refusal, error=type(error).__name__)


def read_refused_counts(code: str) -> list[RefusedCount]:
    """The last days', newest first, then most first; one round trip. Raises RedisUnavailable."""
    partition = partition_of_play(code)
    today = (ledger_now_ms(partition) + EAST_MS) // MS_A_DAY
    days = range(today, today - DAYS_SHOWN, -1)
    pipeline = ledger(partition).pipeline(transaction=False)
    for day in days:
        pipeline.hgetall(refused_key(code, day))
    found = [
        _read_count(day, field.decode(), int(count))
        for day, counts in zip(days, pipeline.execute(), strict=True)
        for field, count in counts.items()
    ]
    return sorted(found, key=lambda one: (one.day, one.count), reverse=True)


def read_refused_samples(code: str, counts: list[RefusedCount]) -> list[RefusedSample]:
    """The latest that were kept, of the kinds that were counted, newest first; raises RedisUnavailable."""
    sums: Counter[str] = Counter()
    for one in counts:
        sums[one.refusal] += one.count
    kinds = [kind for kind, _count in sums.most_common(KINDS_SHOWN)]
    pipeline = ledger(partition_of_play(code)).pipeline(transaction=False)
    for kind in kinds:
        pipeline.xrevrange(refused_samples_key(code, kind), count=SAMPLES_SHOWN)
    read = zip(kinds, pipeline.execute(), strict=True) if kinds else ()
    samples = [sample for kind, entries in read for sample in _read_samples(kind, entries)]
    return sorted(samples, key=lambda sample: sample.at, reverse=True)


def _read_count(day: int, field: str, count: int) -> RefusedCount:
    campaign_id, _colon, refusal = field.partition(":")
    # A day's number is that of the shop's time already.
    return RefusedCount(
        day=date(1970, 1, 1) + timedelta(days=day), campaign_id=int(campaign_id), refusal=refusal, count=count
    )


def _read_samples(refusal: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> Iterator[RefusedSample]:
    for entry_id, values in entries:
        seen: dict[str, Any] = json.loads(values[b"seen"])
        yield RefusedSample(
            at=datetime.fromtimestamp(int(entry_id.partition(b"-")[0]) / 1000, UTC),
            campaign_id=int(values[b"field"].partition(b":")[0]),
            refusal=refusal,
            round_id=int(seen.get("round", 0)),
            initiator_id=int(seen.get("initiator", 0)),
            helper_id=int(seen.get("helper", 0)),
            device=seen.get("device", ""),
            address=seen.get("address", ""),
        )
