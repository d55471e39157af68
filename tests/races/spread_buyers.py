"""A process that buys from a spread activity: `python -m tests.races.spread_buyers <activity> <seed>`.

It does what the receiving service does, one call after the other, so that a SIGKILL meets it between any two of them.
"""

import random
import sys

from pgs_data.ids.snowflake import new_ids
from pgs_data.lua.loader import run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partition_within, spread_of
from pgs_data.sharding.slots import slot_of_key
from pgs_web.trade.intake.messages import Admission, AdmitReply
from pgs_web.trade.intake.scripts import admit_orders
from pgs_web.trade.stock.lending import Borrowed, borrow_units
from pgs_web.trade.stock.limits import (
    LimitReply,
    LimitReturn,
    find_limit_place,
    make_away_order,
    read_limit_replies,
    reserve_limits_command,
    return_limits_command,
)
from pgs_web.trade.stock.steps import run_steps

MEMBERS = 40
LIMIT = 3


def main() -> None:
    """Buys until it is killed."""
    activity_id, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    while True:
        member_id, bucket = 1 + chance.randrange(MEMBERS), chance.randrange(spread_of(activity_id))
        ids = new_ids(slot=slot_of_key(member_id), count=2 * spread_of(activity_id))
        order = Admission(
            order_id=next(one for one in ids if bucket_of(activity_id, one) == bucket),
            activity_id=activity_id,
            member_id=member_id,
            quantity=chance.choice((1, 1, 2)),
            join_group_id=None,
            open_group_id=None,
            address_id=7,
            idempotency_key=f"key-{ids[0]}",
            trace_id="",
        )
        place = find_limit_place(activity_id, member_id=member_id, part_id=order.order_id)
        away = make_away_order(activity_id, order_id=order.order_id, member_id=member_id, quantity=order.quantity)
        if place is not None:
            reply = run_command(ledger(place), reserve_limits_command(place, [away]))
            if read_limit_replies(reply) != [LimitReply.RESERVED]:
                continue
        while True:
            (verdict,) = admit_orders(partition=partition_within(activity_id, order.order_id), orders=[order])
            if verdict.reply is not AdmitReply.SOLD_OUT:
                break
            steps = borrow_units(activity_id, borrower=bucket_of(activity_id, order.order_id), quantity=order.quantity)
            if run_steps(steps) is not Borrowed.JUDGE_AGAIN:
                break
        if place is not None and verdict.hold is None:
            run_command(
                ledger(place), return_limits_command(place, [LimitReturn(activity_id, order.order_id, away.attempt)])
            )


if __name__ == "__main__":
    main()
