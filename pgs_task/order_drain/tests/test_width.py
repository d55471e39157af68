"""How the width of a node's transactions is found: pure arithmetic."""

import itertools

import pytest

from pgs_task.order_drain.width import Width


def make_width(**changes) -> Width:
    return Width(**{"least": 50, "most": 1000, "target_seconds": 0.25, **changes})


def test_full_and_quick_transactions_widen_it_step_by_step():
    width = make_width()
    before = width.value
    for step in range(1, 4):
        width.note_success(orders=width.value, seconds=0.01)
        assert width.value == before + 50 * step


def test_transactions_that_were_not_full_say_nothing_about_wider_ones():
    width = make_width()
    before = width.value
    for _ in range(100):
        width.note_success(orders=before - 1, seconds=0.01)
    assert width.value == before


def test_it_stays_within_its_bounds():
    width = make_width()
    for _ in range(100):
        width.note_success(orders=width.value, seconds=0.01)
    assert width.value == 1000
    for _ in range(100):
        width.note_failure()
    assert width.value == 50
    width.note_success(orders=50, seconds=60)
    assert width.value == 50


@pytest.mark.parametrize(("orders", "then"), [(1000, 500), (1250, 500), (500, 500), (499, 1000), (3, 1000)])
def test_a_slow_transaction_halves_the_width_unless_it_was_too_narrow_to_be_blamed_on_it(orders, then):
    width = make_width()
    while width.value < width.most:
        width.note_success(orders=width.value, seconds=0.01)
    width.note_success(orders=orders, seconds=0.26)
    assert width.value == then
    assert width.seconds > 0.01


def test_what_was_known_before_a_pause_says_nothing_after_it():
    width = make_width()
    width.note_success(orders=10, seconds=5)
    width.note_idle()
    width.note_success(orders=10, seconds=0.1)
    assert width.seconds == 0.1


def test_a_failure_halves_it():
    width = make_width()
    before = width.value
    width.note_failure()
    assert width.value == before // 2


@pytest.mark.parametrize("seconds_an_order", [0.0001, 0.001, 0.003])
def test_it_settles_where_a_transaction_takes_the_time_wanted(seconds_an_order):
    """A node with a fixed price a transaction and an order: the width saws around the target, and below it."""
    width = make_width(most=100_000, least=10)
    found = []
    for _ in range(2000):
        orders = width.value
        width.note_success(orders=orders, seconds=0.02 + orders * seconds_an_order)
        found.append(orders)
    best = (0.25 - 0.02) / seconds_an_order
    settled = found[1000:]
    assert max(settled) <= best + 10
    assert min(settled) >= best / 2 - 10
    # Negative control: without the decrease it would only grow.
    assert any(later < earlier for earlier, later in itertools.pairwise(settled))


def test_two_nodes_find_their_own():
    quick, slow = make_width(), make_width()
    for _ in range(200):
        quick.note_success(orders=quick.value, seconds=quick.value * 0.0001)
        slow.note_success(orders=slow.value, seconds=slow.value * 0.002)
    assert quick.value == 1000
    assert slow.value <= 130


@pytest.mark.parametrize(("least", "most"), [(0, 10), (11, 10), (-1, 5)])
def test_bounds_that_are_none(least, most):
    with pytest.raises(ValueError, match="width"):
        make_width(least=least, most=most)
