"""`manage.py relay_outbox`: what is in the outboxes reaches its handlers, over nodes, once and for ever."""

import io
import json
import os
import signal
import threading
import time
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command

from pgs_data.clock import database_now
from pgs_data.locks import FencedLock
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.outbox import append_message
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.handlers.tests.making import hold_states, load_ledger, waiting_messages
from pgs_task.outbox_relay.loops import relay_until_empty
from pgs_task.routes import ROUTES
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.order.tests.making import make_group_of_orders, make_order

ACTIVITY = 7001
# The relay drops old connections, and with them the transaction that another kind of test runs in.
pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def relay(**options) -> list[dict]:
    out = io.StringIO()
    call_command("relay_outbox", once=True, json=True, stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_once_relays_what_is_due_and_what_follows_from_it():
    made = make_group_of_orders(size=3)
    load_ledger(activity_id=ACTIVITY, orders=made.orders, groups=[made.group])
    for order in made.orders:
        mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    reports = relay()
    assert [report["node"] for report in reports] == node_aliases()
    assert all(report["is_holder"] for report in reports)
    assert sum(report["sent"] for report in reports) == 3 + 1 + 3, "paid, the group's success, to ship"
    assert [report["failed"] + report["put_off"] + report["unrouted"] for report in reports] == [0, 0, 0]
    assert waiting_messages() == []
    for order in made.orders:
        order.refresh_from_db()
    assert {order.state for order in made.orders} == {"TO_SHIP"}
    assert hold_states(ACTIVITY, made.orders) == ["S"] * 3


def test_one_node_only():
    here, elsewhere = make_order(member_id=1), make_order(member_id=251)
    load_ledger(activity_id=ACTIVITY, orders=[here, elsewhere])
    for order in (here, elsewhere):
        mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    (report,) = relay(node=alias_of_id(here.pk))
    assert (report["node"], report["sent"]) == (alias_of_id(here.pk), 2)
    assert {message.node for message in waiting_messages()} == {alias_of_id(elsewhere.pk)}


def test_an_unknown_node_is_refused_with_the_known_ones():
    with pytest.raises(CommandError, match="node0, node1, node2"):
        relay(node="node9")


def test_a_message_whose_seat_is_missing_stays_with_its_reason():
    made = make_group_of_orders(size=2, taken=1)
    early = make_order(member_id=777, group_id=made.group.pk)
    load_ledger(activity_id=ACTIVITY, orders=[*made.orders, early], groups=[made.group])
    mark_paid(order_id=early.pk, paid_at=database_now(alias_of_id(early.pk)))
    reports = relay()
    assert sum(report["put_off"] for report in reports) >= 1
    row = OutboxMessage.objects.on_node(alias_of_id(early.pk)).get()
    assert row.attempts >= 1
    assert "seat is not written down" in row.last_error


def test_a_topic_without_a_route_is_counted_and_kept():
    order = make_order()
    with node_transaction(order.pk):
        append_message(topic="nobody.knows", shard_key=order.pk, payload={})
    assert sum(report["unrouted"] for report in relay()) == 1
    assert [message.topic for message in waiting_messages()] == ["nobody.knows"]


def test_a_node_that_another_relay_has_is_left_to_it():
    with FencedLock("outbox_relay:node0", ttl_ms=5000):
        reports = relay_until_empty(ROUTES)
    assert [report.is_holder for report in reports.values()] == [False, True, True]


def test_redis_being_away_is_a_message_not_a_traceback(redis_server):
    redis_server.kill()
    try:
        with pytest.raises(CommandError, match="is away"):
            relay()
    finally:
        redis_server.restart()


def test_it_runs_until_it_is_told_to_stop_and_delivers_what_comes_meanwhile():
    order = make_order()
    load_ledger(activity_id=ACTIVITY, orders=[order])

    def pay_and_stop() -> None:
        try:
            mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
            stop_at = time.monotonic() + 20
            while waiting_messages() and time.monotonic() < stop_at:
                time.sleep(0.02)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    payer = threading.Timer(0.3, pay_and_stop)
    payer.start()
    try:
        call_command("relay_outbox")
    finally:
        payer.join()
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
            signal.signal(number, handler)
    assert waiting_messages() == []
    assert hold_states(ACTIVITY, [order]) == ["S"]


@pytest.mark.slow
def test_it_says_what_it_delivers(capsys):
    order = make_order()
    load_ledger(activity_id=ACTIVITY, orders=[order])
    mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stopper = threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGINT])
    stopper.start()
    try:
        with patch("pgs_task.outbox_relay.management.commands.relay_outbox.REPORT_SECONDS", 0.2):
            call_command("relay_outbox", json=True)
    finally:
        stopper.join()
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
            signal.signal(number, handler)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"delivered": {"order.paid": 1, "order.to_ship": 1}}
