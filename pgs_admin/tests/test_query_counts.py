"""A list costs the same however many rows it shows."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse

from pgs_admin.tests.making import make_member, make_shop, sign_in
from pgs_admin.tests.test_pages import LISTS
from pgs_task.payment.tests.making import start
from pgs_web.display.product.models import Merchant, Product
from pgs_web.member.phones import index_phone
from pgs_web.trade.group.tests.making import make_group
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_order
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def count_queries(act: Callable[[], Any]) -> Counter[str]:
    """Database → statements that the act sent to it."""
    counted: Counter[str] = Counter()

    def counting(alias: str) -> Callable[..., Any]:
        def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            counted[alias] += 1
            return execute(sql, params, many, context)

        return run

    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(counting(alias)))
        act()
    return counted


def make_more(first: int) -> None:
    """Four more rows of nearly everything, on all nodes."""
    merchant = Merchant.objects.first()
    for number in range(first, first + 4):
        phone = f"1380000000{number}"
        make_member(phone=phone, phone_index=index_phone(phone))
        activity = make_sale()
        Product.objects.create(merchant=merchant, code=f"p-{number}", title="x")
        for member_id in MEMBERS_ON_THREE_NODES:
            order = make_order(member_id=member_id, activity_id=activity.pk)
            start(order)
            make_group(leader_member_id=member_id, activity_id=activity.pk)


@pytest.mark.slow
def test_lists():
    make_shop()
    # A node without rows is asked less.
    make_more(0)
    client = sign_in("admin")
    pages = [reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in LISTS)]

    def look(page: str) -> Counter[str]:
        return count_queries(lambda: client.get(page))

    # Content types and the like are read once a process.
    for page in pages:
        look(page)
    before = {page: look(page) for page in pages}
    make_more(4)
    assert {page: look(page) for page in pages} == before
    # A list over the nodes: per slot one short range, and no more.
    assert max(sum(counted.values()) for counted in before.values()) < 100
