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


def test_a_slow_transaction_halves_what_was_really_written():
    width = make_width()
    for _ in range(20):
        width.note_success(orders=width.value, seconds=0.01)
    width.note_success(orders=300, seconds=0.3)
    assert width.value == 150


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
