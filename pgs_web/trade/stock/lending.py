"""Buckets of a spread activity lend units to each other, so that the last ones are sold wherever somebody wants them.

A loan has three steps: the lender takes the units out and remembers the loan, the borrower puts them in, the lender
forgets the loan. A pair of buckets has one loan under way, its numbers count up, and the borrower remembers the last
one that it received: a step made twice, or late, changes nothing. Whoever dies in between leaves units in no bucket,
never in two; the next borrower, or sweep_loans, finishes the loan.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings

from pgs_data.lua.loader import Script
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis, partition_count, partitions_of
from pgs_web.trade.stock.keys import changed_key, lending_key, news_key, stock_key
from pgs_web.trade.stock.steps import Call, Steps, run_steps

log = structlog.get_logger(__name__)

_PACKAGE = "pgs_web.trade.stock"
_lend_units = Script.load(_PACKAGE, "lend_units")
_receive_units = Script.load(_PACKAGE, "receive_units")
_forget_loan = Script.load(_PACKAGE, "forget_loan")

# Loans of one partition that a pass finishes.
SWEPT_A_PASS = 500


class Borrowed(StrEnum):
    JUDGE_AGAIN = "judge_again"  # units came, or may have come, into the bucket
    SOLD_OUT = "sold_out"  # all buckets were empty at one moment, but for what remained in the borrower
    UNSURE = "unsure"  # a bucket is lost: nobody can say


@dataclass(frozen=True, slots=True)
class Loan:
    """Units on their way from one bucket to another; the numbers of a pair's loans count up within an epoch."""

    activity_id: int
    lender: int
    borrower: int
    number: int
    units: int
    epoch: bytes


def borrow_units(activity_id: int, *, borrower: int, quantity: int, orders: int = 1) -> Steps[Borrowed]:
    """Brings units from other buckets, after orders for `quantity` each didn't find enough in this one.

    SOLD_OUT is sure: this bucket was marked while it had too little, each other one while it had nothing; whatever
    brings units takes the mark off; nothing was on its way, and afterwards all marks were still there. So there was a
    moment at which no other bucket had a unit, and this one less than `quantity`.
    """
    count, wanted, mark = len(partitions_of(activity_id)), quantity * orders, secrets.token_hex(8)
    came, is_lost, is_under_way = 0, False, False
    marks: dict[int, bytes] = {}
    for lender in ((borrower + distance) % count for distance in range(count)):
        word, said, units, epoch = yield from _ask_lender(
            activity_id, lender, borrower, wanted=wanted - came, told=quantity, mark=mark
        )
        if word == b"ENOUGH":
            return Borrowed.JUDGE_AGAIN
        if word in {b"LENT", b"OPEN"}:
            if not (yield from _finish(Loan(activity_id, lender, borrower, said, units, epoch))):
                is_lost = True
                continue
            came += units
            if came >= wanted:
                break
        elif word == b"EMPTY":
            marks[partitions_of(activity_id)[lender]] = said
            is_under_way |= units > 0
        else:
            is_lost = True
    if came:
        return Borrowed.JUDGE_AGAIN
    if is_lost:
        return Borrowed.UNSURE
    if is_under_way:
        for lender in range(count):
            yield from finish_loans(activity_id, lender=lender)
        return Borrowed.JUDGE_AGAIN
    return (yield from _look_again(activity_id, marks))


def _look_again(activity_id: int, marks: Mapping[int, bytes]) -> Steps[Borrowed]:
    """Whether no partition's mark was taken off since."""
    for partition, standing in marks.items():
        if (yield partition, ("HGET", stock_key(activity_id, partition), "mark")) != standing:
            return Borrowed.JUDGE_AGAIN
    return Borrowed.SOLD_OUT


def finish_loans(activity_id: int, *, lender: int) -> Steps[int]:
    """Brings what this bucket has lent to where it belongs; returns how many loans. Repeatable, at any time."""
    partitions = partitions_of(activity_id)
    fields = [f"{name}:{borrower}" for borrower in range(len(partitions)) for name in ("out", "units")]
    epoch, *values = yield (
        partitions[lender],
        ("HMGET", stock_key(activity_id, partitions[lender]), "epoch", *fields),
    )
    finished = 0
    for borrower, (number, units) in enumerate(zip(values[::2], values[1::2], strict=True)):
        if int(units or 0):
            loan = Loan(activity_id, lender, borrower, int(number), int(units), epoch)
            try:
                finished += yield from _finish(loan)
            except RedisUnavailable as error:
                # That borrower is away; its loan stays, and the others are no worse for it.
                log.warning("loan_not_finished", activity_id=activity_id, loan=repr(loan), error=repr(error))
    return finished


def sweep_loans() -> int:
    """Finishes the loans of processes that died; costs what is under way, nothing where nothing is spread."""
    if not settings.LEDGER_SPREAD:
        return 0
    finished = 0
    for partition in range(partition_count()):
        try:
            members: Any = ledger(partition).srandmember(lending_key(partition), SWEPT_A_PASS)
            for member in members:
                activity_id, lender, _borrower = map(int, member.split(b"|"))
                if activity_id not in settings.LEDGER_SPREAD:
                    log.error("loan_of_no_spread_activity", activity_id=activity_id)
                    continue
                finished += run_steps(finish_loans(activity_id, lender=lender))
        except RedisUnavailable as error:
            if not has_own_redis(partition):
                raise
            log.warning("loans_not_swept", partition=partition, error=repr(error))
    return finished


def gather_units(activity_id: int, *, bucket: int, wanted: int) -> None:
    """Brings at least so many units into one bucket, or all there are, while others sell.

    Raises RedisUnavailable.
    """
    partition = partitions_of(activity_id)[bucket]
    before = -1
    while True:
        remain = int(ledger(partition).hget(stock_key(activity_id, partition), "remain") or 0)
        # Nothing came: what there is stays where it is sold.
        if remain >= wanted or remain <= before:
            return
        before = remain
        if run_steps(borrow_units(activity_id, borrower=bucket, quantity=wanted)) is not Borrowed.JUDGE_AGAIN:
            return


def _finish(loan: Loan) -> Steps[bool]:
    """Whether the units are in the borrowing bucket. Dying before the second call leaves the loan to be finished."""
    partitions = partitions_of(loan.activity_id)
    partition = partitions[loan.borrower]
    word = yield (
        partition,
        _receive_units.command(
            keys={
                "stock": stock_key(loan.activity_id, partition),
                "changed": changed_key(partition),
                "news": news_key(partition),
            },
            args={
                "activity_id": str(loan.activity_id),
                "lender": loan.lender,
                "number": loan.number,
                "units": loan.units,
                "epoch": loan.epoch,
            },
        ),
    )
    if word not in {b"RECEIVED", b"REPEATED"}:
        log.warning("loan_not_received", activity_id=loan.activity_id, loan=repr(loan), reply=word)
        return False
    partition = partitions[loan.lender]
    try:
        yield (
            partition,
            _forget_loan.command(
                keys={"stock": stock_key(loan.activity_id, partition), "lending": lending_key(partition)},
                args={
                    "activity_id": str(loan.activity_id),
                    "lender": loan.lender,
                    "borrower": loan.borrower,
                    "number": loan.number,
                    "epoch": loan.epoch,
                },
            ),
        )
    except RedisUnavailable as error:
        # The units are here, and can be sold; sweep_loans makes the lender forget.
        log.warning("loan_not_forgotten", activity_id=loan.activity_id, loan=repr(loan), error=repr(error))
    return True


def _ask_lender(
    activity_id: int, lender: int, borrower: int, *, wanted: int, told: int, mark: str
) -> Steps[tuple[bytes, Any, int, bytes]]:
    """What lend_units answered; AWAY when the bucket can't be asked, in a Redis of its own: the others can."""
    try:
        word, said, units, epoch = yield _lend(activity_id, lender, borrower, wanted=wanted, told=told, mark=mark)
    except RedisUnavailable as error:
        if lender == borrower:
            # What others would lend couldn't be put in.
            raise
        log.warning("bucket_unreachable", activity_id=activity_id, bucket=lender, error=repr(error))
        return b"AWAY", 0, 0, b""
    return word, said, units, epoch


def _lend(activity_id: int, lender: int, borrower: int, *, wanted: int, told: int, mark: str) -> Call:
    partition = partitions_of(activity_id)[lender]
    return partition, _lend_units.command(
        keys={
            "stock": stock_key(activity_id, partition),
            "lending": lending_key(partition),
            "changed": changed_key(partition),
        },
        args={
            "activity_id": str(activity_id),
            "lender": lender,
            "borrower": borrower,
            "wanted": wanted,
            "told": told,
            "mark": mark,
        },
    )
