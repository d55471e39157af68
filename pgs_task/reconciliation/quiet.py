"""Quiet: nothing is on its way, so that what must hold when quiet can be judged."""

import time

from django.db.models import Q

from pgs_data.messaging.backlog import stream_backlog
from pgs_data.messaging.errors import is_outage
from pgs_data.messaging.models import OutboxMessage
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.queue import streams_of
from pgs_task.payment.models import Refund
from pgs_task.payment.states import RefundState
from pgs_task.reconciliation.reach import find_unreachable
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.states import UNFINISHED
from pgs_web.display.activity.models import ActivityStock
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.keys import away_open_key, changed_key, lending_key

PAUSE_SECONDS = 0.3
# Between a task's last step and its next beat everything looks quiet: the calm has to last.
CALM_LOOKS = 4


def wait_for_quiet(seconds: float) -> list[str]:
    """Waits at most so long; returns what is still restless, empty when all is quiet."""
    deadline = time.monotonic() + seconds
    calm = 0
    while True:
        restless = find_restless()
        calm = 0 if restless else calm + 1
        if calm >= CALM_LOOKS or time.monotonic() > deadline:
            return restless
        time.sleep(PAUSE_SECONDS)


def find_restless() -> list[str]:
    """One line for each thing that is still on its way; what can't be reached isn't quiet either."""
    try:
        return [*_restless_streams(), *_restless_nodes()]
    except Exception as error:
        if not is_outage(error):
            raise
        return find_unreachable() or [f"{type(error).__name__}: {error}"]


def _restless_streams() -> list[str]:
    restless = []
    for partition in range(partition_count()):
        client = ledger(partition)
        values = client.hmget(flow_key(partition), ["accepted", "persisted", "rejected"])
        accepted, persisted, rejected = (int(value or 0) for value in values)
        if accepted > persisted + rejected:
            restless.append(f"partition {partition}: {accepted - persisted - rejected} orders are not written down")
        for stream in streams_of(partition):
            backlog = stream_backlog(client, stream, INTAKE_GROUP)
            # Fresh entries that nobody has read yet are the orders above.
            if waiting := backlog.pending + (0 if stream == intake_key(partition) else backlog.undelivered):
                restless.append(f"partition {partition}: {waiting} entries of {stream} are pending")
        if client.scard(changed_key(partition)):
            restless.append(f"partition {partition}: stock is not synchronised")
        if waiting := client.scard(lending_key(partition)):
            restless.append(f"partition {partition}: {waiting} loans between buckets are under way")
        if waiting := client.zcard(away_open_key(partition)):
            restless.append(f"partition {partition}: {waiting} orders with a limit in another bucket are open")
    return restless


def _restless_nodes() -> list[str]:
    restless = []
    if waiting := ActivityStock.objects.filter(recounts_due__gt=0).count():
        restless.append(f"default: {waiting} archived activities are to be counted")
    for alias in node_aliases():
        if waiting := OutboxMessage.objects.on_node(alias).count():
            restless.append(f"{alias}: {waiting} messages in the outbox")
        refunds = Refund.objects.on_node(alias).exclude(Q(state=RefundState.SUCCEEDED) | Q(state=RefundState.MANUAL))
        if waiting := refunds.count():
            restless.append(f"{alias}: {waiting} refunds are under way")
        rescues = Rescue.objects.on_node(alias).filter(state__in=UNFINISHED)
        if waiting := rescues.count():
            restless.append(f"{alias}: {waiting} paid orders look for another place")
        # The bus carries shipments outside of the outbox.
        if waiting := Order.objects.on_node(alias).filter(state=OrderState.TO_SHIP).count():
            restless.append(f"{alias}: {waiting} orders are about to be shipped")
    return restless
