"""Refused helps are counted by day and sampled; a flood of them stays small, and an outage changes no refusal."""

import pytest

from pgs_data.redis.connections import ledger
from pgs_web.plays.eligibility import refused
from pgs_web.plays.eligibility.keys import partition_of_play
from pgs_web.plays.eligibility.refused import note_refusal, read_refused_counts, read_refused_samples
from pgs_web.plays.eligibility.scripts import HelpCaps
from pgs_web.plays.eligibility.tests.test_helping import INITIATOR, ROUND, help_

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def note(number: int = 1, *, campaign_id: int = 1, refusal: str = "self_help") -> None:
    seen = {"round": ROUND, "initiator": INITIATOR, "helper": number, "device": "d" * 64, "address": "a" * 64}
    note_refusal(code="cards", campaign_id=campaign_id, refusal=refusal, seen=seen)


def counts() -> dict[tuple[int, str], int]:
    return {(one.campaign_id, one.refusal): one.count for one in read_refused_counts("cards")}


def test_what_the_judge_refuses_is_counted_with_who_asked():
    assert help_() == "TAKEN"
    assert [help_(), help_(), help_(INITIATOR), help_(device=None), help_(30, caps=HelpCaps(device=0))] == [
        *("already_helped", "already_helped", "self_help", "device_unknown", "device_cap")
    ]
    assert counts() == {(1, "already_helped"): 2, (1, "self_help"): 1, (1, "device_unknown"): 1, (1, "device_cap"): 1}
    samples = read_refused_samples("cards", read_refused_counts("cards"))
    assert len(samples) == 5
    (capped,) = [sample for sample in samples if sample.refusal == "device_cap"]
    assert (capped.round_id, capped.initiator_id, capped.helper_id, capped.campaign_id) == (ROUND, INITIATOR, 30, 1)
    assert "10.0.0.1" not in repr(samples)
    assert len(capped.device) == len(capped.address) == 64
    assert [sample.device for sample in samples if sample.refusal == "device_unknown"] == [""]


def test_a_flood_stays_small_and_hides_no_other_kind(monkeypatch):
    monkeypatch.setattr(refused, "SAMPLES_A_MINUTE", 30)
    monkeypatch.setattr(refused, "MOST_SAMPLES", 10)
    monkeypatch.setattr(refused, "MOST_FIELDS", 5)
    note(refusal="helper_cap")
    for number in range(40):
        note(number)
    for campaign_id in range(2, 20):
        note(refusal="helper_cap", campaign_id=campaign_id)
    found = counts()
    assert (found[1, "self_help"], found[1, "helper_cap"]) == (40, 1)
    # Where the day has no room the rest is counted together.
    assert (len(found), found[0, "helper_cap"]) == (6, 15)
    samples = read_refused_samples("cards", read_refused_counts("cards"))
    of_flood = [sample.helper_id for sample in samples if sample.refusal == "self_help"]
    assert of_flood == list(range(29, 19, -1))
    assert any(sample.refusal == "helper_cap" for sample in samples)
    client = ledger(partition_of_play("cards"))
    for key in client.scan_iter("*:refused*"):
        assert 0 < client.pttl(key) <= refused.KEEP_DAYS * refused.MS_A_DAY, key


def test_while_redis_is_away_a_help_is_refused_all_the_same(monkeypatch):
    def be_away(_partition: int) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(refused, "RedisUnavailable", (ConnectionRefusedError,))
    monkeypatch.setattr(refused, "ledger", be_away)
    assert help_(INITIATOR) == "self_help"
