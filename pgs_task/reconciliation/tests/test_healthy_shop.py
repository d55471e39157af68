"""Every check holds in a shop where everything has happened; each is shown to fail in the files beside this one."""

import pytest

from pgs_task.reconciliation.quiet import find_restless
from pgs_task.reconciliation.runner import ALL_CHECKS
from pgs_task.reconciliation.tests.making import broken, make_shop

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.mark.slow
def test_every_check_holds_after_everything_happened():
    make_shop()
    assert find_restless() == []
    assert broken() == {}


def test_every_check_holds_in_an_empty_shop():
    assert broken() == {}


def test_each_promise_has_one_check():
    ids = [check.id for check in ALL_CHECKS]
    assert len(set(ids)) == len(ids)
    numbers = {"S": 8, "O": 7, "G": 6, "C": 4, "M": 8}
    expected = {f"{letter}{number}" for letter, last in numbers.items() for number in range(1, last + 1)}
    assert set(ids) == expected | {"E2", "E3", "E4", "E5", "P1", "P2"}
