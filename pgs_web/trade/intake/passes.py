"""Entry passes: a game lets members into an activity that it sells; the receiving service looks at what it wrote.

An activity whose `play` is `standard` is sold to everybody. Any other is sold to who brings a pass of that play,
however they buy: opening a group, joining one, alone. The game judges its members when it issues a pass, and a pass is
its word for some minutes: signed, kept nowhere, and looked at without a database (docs/adr/0029). What the order says
itself isn't written in it: member, activity, group, mode, and where it is for one order its key.

Its time is judged by the clock of the process that gets the order, as an access token's is: it bounds how old the
game's judgement may be, and decides nothing between two shoppers.
"""

import re
import time
from dataclasses import dataclass
from datetime import datetime

from django.utils.crypto import constant_time_compare, salted_hmac

from pgs_data.clock import to_ms
from pgs_web.api.errors import Refusal
from pgs_web.display.activity.rules import STANDARD_PLAY
from pgs_web.trade.intake.errors import PassNeeded, PassNotValid
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.order.models import OrderMode

# Units, last second, `k` where it is for one key, the mark.
ENTRY_PATTERN = r"^[1-9][0-9]{0,5}\.[0-9]{1,11}\.k?\.[0-9a-f]{32}$"
ENTRY = re.compile(ENTRY_PATTERN.strip("^$"))
SALT = "pgs_web.trade.intake.passes"
MARK_DIGITS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What a pass lets its member do: join `group_id`, or without one open a group, or buy alone (`mode`).

    Up to `units` in one order. With an `idempotency_key` it is for the order under this key only, so that it makes one
    order, whatever becomes of it; without one as many as the activity's limit allows.
    """

    play: str
    activity_id: int
    member_id: int
    group_id: int | None = None
    mode: OrderMode = OrderMode.GROUP
    units: int = 1
    idempotency_key: str = ""


def issue_pass(entry: Entry, *, valid_until: datetime) -> str:
    """The pass; whoever changes a letter of it, or gives it to somebody else, has none."""
    if entry.play == STANDARD_PLAY:
        raise ValueError("Everybody may buy a standard activity.")
    seconds = to_ms(valid_until) // 1000
    kind = "k" if entry.idempotency_key else ""
    return f"{entry.units:d}.{seconds:d}.{kind}.{_mark(entry, seconds)}"


def judge_entry(request: OrderRequest, *, play: str) -> type[Refusal] | None:
    """Why the order isn't let into an activity that this play sells; None when it is. No store is asked."""
    if play == STANDARD_PLAY:
        return None
    if not request.entry_pass:
        return PassNeeded
    return None if _is_good(request, play) else PassNotValid


def _is_good(request: OrderRequest, play: str) -> bool:
    units, seconds, kind, mark = request.entry_pass.split(".")
    entry = Entry(
        play=play,
        activity_id=request.activity_id,
        member_id=request.member_id,
        group_id=request.group_id,
        mode=request.mode,
        units=int(units),
        idempotency_key=request.idempotency_key if kind else "",
    )
    return (
        constant_time_compare(mark, _mark(entry, int(seconds)))
        and request.quantity <= entry.units
        and time.time() < int(seconds)
    )


def _mark(entry: Entry, seconds: int) -> str:
    said = (
        f"{entry.play}|{entry.activity_id}|{entry.member_id}|{entry.group_id or ''}|{entry.mode.value}"
        # Last: it may hold anything, and nothing follows that it could be taken for.
        f"|{entry.units}|{seconds}|{entry.idempotency_key}"
    )
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()[:MARK_DIGITS]
