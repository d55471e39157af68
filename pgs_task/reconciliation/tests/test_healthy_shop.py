"""Every check holds in a shop where everything has happened; each is shown to fail in the files beside this one."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connections

from pgs_data.sharding import spans
from pgs_data.sharding.slots import node_aliases
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.reconciliation.runner import ALL_CHECKS, all_checks, judge
from pgs_task.reconciliation.tests.making import broken, make_shop

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
# A page, a span of keys, or keys by name.
BOUNDED = re.compile(r"\bLIMIT \d+|\bBETWEEN \S+ AND \S+|(?:id|_no|reference)[`\"] IN \(")


@contextmanager
def watched(look: Callable[[str], None]) -> Iterator[None]:
    """`look` sees each statement that a node gets."""

    def pass_on(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        look(sql)
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for alias in node_aliases():
            stack.enter_context(connections[alias].execute_wrapper(pass_on))
        yield


@pytest.mark.slow
def test_every_check_holds_after_everything_happened_however_large_the_shop_is(monkeypatch):
    make_shop()
    assert find_restless() == []
    monkeypatch.setattr(spans, "ROWS_A_SPAN", 2)
    unbounded: dict[str, set[str]] = {}
    for check in all_checks():
        statements: set[str] = set()
        with watched(statements.add):
            assert judge(check).offenders == []
        unbounded[check.id] = {sql for sql in statements if " FROM " in sql and not BOUNDED.search(sql)}
    # One day's books are read at once.
    unbounded.pop("M4")
    # One statement over all rows of a large shop takes longer than a connection waits for it.
    assert {check_id: found for check_id, found in unbounded.items() if found} == {}


def test_every_check_holds_in_an_empty_shop():
    assert broken() == {}


def test_each_promise_has_one_check():
    ids = [check.id for check in ALL_CHECKS]
    assert len(set(ids)) == len(ids)
    numbers = {"S": 9, "O": 7, "G": 6, "C": 4, "M": 8}
    expected = {f"{letter}{number}" for letter, last in numbers.items() for number in range(1, last + 1)}
    assert set(ids) == expected | {"E2", "E3", "E4", "E5", "P1", "P2"}
