"""The plan of a day: games in turn, friends of the same day, one first order a customer; the same every time."""

from datetime import date, timedelta

from pgs_task.simulation.days import BuyingDay
from pgs_task.simulation.plan import plan_days

GAMES = {"one": 3, "two": 5}
DAYS = [
    BuyingDay(date(2010, 12, 1) + timedelta(days=number), tuple(str(buyer) for buyer in range(number, number + 12)))
    for number in range(5)
]


def test_the_same_days_make_the_same_plan():
    plans = list(plan_days(DAYS, games=GAMES, seed="a"))
    assert plans == list(plan_days(DAYS, games=GAMES, seed="a"))
    assert plans != list(plan_days(DAYS, games=GAMES, seed="b"))
    # What is counted is counted once, without a gap: the bookmark lives by it.
    numbers = [step.number for plan in plans for step in (*plan.rounds, *plan.errands)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_friends_bought_on_the_same_day():
    plans = list(plan_days(DAYS, games=GAMES, seed="a"))
    for day, plan in zip(DAYS, plans, strict=True):
        for round_ in plan.rounds:
            assert set(round_.friends) < set(day.buyers) - {round_.initiator}
            assert 2 <= len(set(round_.friends)) == len(round_.friends) <= GAMES[round_.code]
    codes = [round_.code for plan in plans for round_ in plan.rounds]
    assert {codes.count("one"), codes.count("two")} == {10}


def test_who_is_new_buys_on_their_first_day():
    bought = [errand.buyer for plan in plan_days(DAYS, games=GAMES, seed="a") for errand in plan.errands]
    assert set(bought) == {buyer for day in DAYS for buyer in day.buyers}
    first = next(plan_days(DAYS, games=GAMES, seed="a"))
    assert [errand.buyer for errand in first.errands] == list(DAYS[0].buyers)


def test_the_limit_counts_rounds_and_ends_the_reading():
    def days():
        yield from DAYS[:2]
        raise AssertionError("nobody asks for more")

    plans = list(plan_days(days(), games=GAMES, seed="a", limit=6))
    assert [len(plan.rounds) for plan in plans] == [4, 2]
    assert all(plan.errands for plan in plans)


def test_alone_nobody_has_friends_and_without_games_nobody_plays():
    (plan,) = plan_days([BuyingDay(date(2010, 12, 1), ("1",))], games=GAMES, seed="a")
    assert plan.rounds[0].friends == ()
    (plan,) = plan_days(DAYS[:1], games={}, seed="a")
    assert (plan.rounds, len(plan.errands)) == ((), 12)
