"""A member's turns: enough for any shopper, not for a program, and back with time."""

import pytest
from django.conf import settings

from pgs_web.api.errors import TooManyRequests
from pgs_web.trade.receiving import turns
from pgs_web.trade.receiving.turns import MemberTurns
from pgs_web.trade.stock.tests.making import make_sale


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    return clock


def test_a_burst_then_one_by_one(clock):
    mine = MemberTurns(a_second=2, burst=3)
    for _ in range(3):
        mine.take(7)
    with pytest.raises(TooManyRequests) as refusal:
        mine.take(7)
    assert refusal.value.retry_after == 1
    mine.take(8)
    clock.now += 0.5
    mine.take(7)
    with pytest.raises(TooManyRequests):
        mine.take(7)
    clock.now += 100
    for _ in range(3):
        mine.take(7)
    with pytest.raises(TooManyRequests):
        mine.take(7)


def test_a_refusal_takes_no_turn(clock):
    mine = MemberTurns(a_second=1, burst=1)
    mine.take(7)
    for _ in range(50):
        with pytest.raises(TooManyRequests):
            mine.take(7)
    clock.now += 1
    mine.take(7)


def test_the_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(turns, "MEMBERS_KEPT", 10)
    mine = MemberTurns(a_second=1, burst=1)
    for member_id in range(100):
        mine.take(member_id)
    assert len(mine._young) + len(mine._old) <= 20
    with pytest.raises(TooManyRequests):
        mine.take(99)


def test_no_limit(clock):
    mine = MemberTurns(a_second=0, burst=0)
    for _ in range(1000):
        mine.take(7)


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_program_leaves_a_bounded_number_of_claims(shoppers, buy):
    (shopper,) = shoppers()
    activity = make_sale(stock=1, member_limit=1)
    answers = [buy(shopper, activity, key=f"key-{number}") for number in range(settings.INTAKE_MEMBER_BURST + 40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 20
    assert refused[0].json()["code"] == "too_many_requests"
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert {answer.status_code for answer in answers} == {202, 409, 429}


def test_the_schema_tells_it(client):
    schema = client.get("/api/v1/schema/?format=json").json()
    assert "Retry-After" in schema["paths"]["/api/v1/orders/"]["post"]["responses"]["429"]["headers"]
