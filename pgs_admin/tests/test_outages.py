"""At five past midnight a node or Redis is down: every page says so, and the rest goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.urls import reverse

from pgs_admin.tests.making import make_shop, sign_in
from pgs_admin.tests.test_acts import outcomes, press
from pgs_admin.tests.test_pages import LISTS, OTHER_PAGES, detail_pages
from pgs_data.private_servers.running import RunningServer
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.order.states import OrderState

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@contextmanager
def down(node: str) -> Iterator[None]:
    """New connections find no server, as after a crash of the node."""
    facts = connections[node].settings_dict
    before = {name: facts[name] for name in ("NAME", "PORT")}
    connections[node].close()
    facts.update({"PORT": "1"} if connections[node].vendor == "mysql" else {"NAME": "/nowhere/node.sqlite3"})
    try:
        yield
    finally:
        facts.update(before)


@pytest.mark.slow
def test_a_node_that_is_down():
    shop, client = make_shop(), sign_in("admin")
    node = alias_of_id(shop.paid.pk)
    pages = [reverse("admin:index"), *map(reverse, OTHER_PAGES)]
    with down(node):
        for page in (*pages, *(reverse(f"admin:{name}_changelist") for name in LISTS), *detail_pages(shop)):
            assert client.get(page, follow=True).status_code == 200, page
        shown = client.get(reverse("admin:order_order_changelist")).content.decode()
        assert node in shown
        assert str(shop.unpaid.pk) in shown
        assert str(shop.paid.pk) not in shown
        response = client.get(reverse("admin:order_order_change", args=[shop.paid.pk]))
        assert (response.status_code, response.url) == (302, reverse("admin:order_order_changelist"))
        # Nobody knows whether there is such an order: no audit row says that something was tried.
        assert press(client, "order_order_refund_order", shop.paid).status_code == 302
        assert press(client, "payment_payment_retry_refund", shop.payment, refund_no="R1").status_code == 302
        press(client, "order_order_cancel_order", shop.unpaid)
    shop.unpaid.refresh_from_db()
    assert shop.unpaid.state == OrderState.CANCELLED
    assert outcomes() == [("cancel_order", "done")]


@pytest.mark.slow
def test_redis_that_is_down(redis_server: RunningServer):
    shop, client = make_shop(), sign_in("admin")
    pages = [reverse("admin:index"), *map(reverse, OTHER_PAGES)]
    redis_server.kill()
    try:
        for page in (*pages, *(reverse(f"admin:{name}_changelist") for name in LISTS), *detail_pages(shop)):
            assert client.get(page).status_code == 200, page
        assert client.post(reverse("back_office:invariants")).status_code == 200
        assert press(client, "activity_activity_change_stock", shop.activity, difference=1).status_code in {200, 302}
        assert press(client, "activity_activity_pause", shop.activity).status_code == 302
    finally:
        redis_server.restart()
    assert outcomes()[-1] == ("pause", "outage")
