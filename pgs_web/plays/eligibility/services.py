"""One judge of helps for all games: who may help whom, how often, from where; exact when they come at once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import structlog
from django.db import IntegrityError, OperationalError
from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.encryption import blind_index
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import alias_of_id, slot_of_id, slot_of_key
from pgs_data.sharding.transactions import is_deadlock, is_transaction_open, node_transaction
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.plays.eligibility.devices import index_device
from pgs_web.plays.eligibility.errors import (
    AccountCap,
    AddressCap,
    AlreadyHelped,
    DeviceCap,
    DeviceUnknown,
    HelperCap,
    NotNewMember,
    SelfHelp,
)
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.eligibility.refused import note_refusal
from pgs_web.plays.eligibility.scripts import HelpCaps, Subjects, TurnsReply, return_turns, take_turns
from pgs_web.plays.figures.names import HELPS, NEW_HELPERS
from pgs_web.plays.figures.services import count_figures
from pgs_web.trade.order.newness import is_new_member

TRIES = 3
_REFUSED: dict[TurnsReply, type[Refusal]] = {
    TurnsReply.HELPER: HelperCap,
    TurnsReply.DEVICE: DeviceCap,
    TurnsReply.ADDRESS: AddressCap,
    TurnsReply.ACCOUNT: AccountCap,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class HelpWish:
    """Who wants to help whom, and from where: `device` by read_device, `network` by client_network.

    `initiator_device` is index_device of what the round was started from, where the game keeps it: nobody helps from
    there. `account` names the helper's payment account where the game knows it.
    """

    code: str
    campaign_id: int
    round_id: int
    initiator_id: int
    helper_id: int
    device: str | None
    network: str
    initiator_device: str = ""
    account: str = ""


@contextmanager
def helping(wish: HelpWish, *, caps: HelpCaps, only_new: bool = False) -> Iterator[Help]:
    """Judges a help, then runs the block inside the node transaction that has its row: both are there, or neither.

    Raises SelfHelp, DeviceUnknown, AlreadyHelped, NotNewMember, HelperCap, DeviceCap, AddressCap, AccountCap, before
    the block. What the block raises undoes the help and gives its turns back. Dying in the block: no row, and turns
    that count against the caps until midnight, on the side of refusing.
    """
    try:
        help_, subjects = _judge(wish, only_new=only_new)
        reply, day = take_turns(subjects, caps)
        if reply in _REFUSED:
            raise _REFUSED[reply]
    except Refusal as refusal:
        _note(wish, refusal)
        raise
    try:
        with _begin(help_):
            _count(wish, help_)
            yield help_
    except OUTAGES:
        # It may be committed: better one turn too many than a help that wasn't counted.
        raise
    except BaseException as error:
        _give_back(subjects, day)
        if isinstance(error, AlreadyHelped):
            _note(wish, error)
        raise


def _judge(wish: HelpWish, *, only_new: bool) -> tuple[Help, Subjects]:
    """What can be judged without a guard; raises refusals."""
    if slot_of_id(wish.round_id) != slot_of_key(wish.initiator_id):
        raise ValueError("A round's id has its initiator's slot: else nobody sees all helps of an initiator.")
    if wish.helper_id == wish.initiator_id:
        raise SelfHelp
    if wish.device is None:
        raise DeviceUnknown
    device, address = index_device(wish.device), blind_index(wish.network, "play.address")
    if device == wish.initiator_device:
        # The same hands, by another account.
        raise SelfHelp
    # Only spares turns; of two at once the constraint decides.
    if _helps(wish).exists():
        raise AlreadyHelped
    is_new = is_new_member(wish.helper_id)
    if only_new and not is_new:
        raise NotNewMember
    help_ = Help(
        round_id=wish.round_id,
        campaign_id=wish.campaign_id,
        initiator_id=wish.initiator_id,
        helper_id=wish.helper_id,
        is_new_member=is_new,
        device=device,
        address=address,
        created_at=DatabaseNow(),
    )
    subjects = Subjects(
        code=wish.code,
        helper=str(wish.helper_id),
        device=device,
        address=address,
        account=blind_index(wish.account, "play.account") if wish.account else "",
    )
    return help_, subjects


def _helps(wish: HelpWish) -> QuerySet[Help]:
    rows = Help.objects.on_node(alias_of_id(wish.round_id))
    return rows.filter(campaign_id=wish.campaign_id, initiator_id=wish.initiator_id, helper_id=wish.helper_id)


def _begin(help_: Help) -> ExitStack:
    """The node transaction with the help's row in it.

    Of several that insert the same key while one of them gives up, MariaDB ends one as a deadlock; all of its
    transaction is undone then, which was this insert alone, so it begins once more.
    """
    tries = 1 if is_transaction_open(alias_of_id(help_.round_id)) else TRIES
    for tries_left in reversed(range(tries)):
        with ExitStack() as stack:
            stack.enter_context(node_transaction(help_.round_id))
            try:
                _write(help_)
            except OperationalError as error:
                if not tries_left or not is_deadlock(error):
                    raise
            else:
                return stack.pop_all()
    raise AssertionError("unreachable: the last try returns or raises")


def _write(help_: Help) -> None:
    try:
        Help.objects.bulk_create([help_])
    except IntegrityError as error:
        raise AlreadyHelped from error


def _count(wish: HelpWish, help_: Help) -> None:
    count_figures(
        code=wish.code,
        campaign_id=wish.campaign_id,
        shard_key=wish.round_id,
        amounts={HELPS: 1, NEW_HELPERS: int(help_.is_new_member)},
    )


def _note(wish: HelpWish, refusal: Refusal) -> None:
    note_refusal(
        code=wish.code,
        campaign_id=wish.campaign_id,
        refusal=refusal.code,
        seen={
            "round": wish.round_id,
            "initiator": wish.initiator_id,
            "helper": wish.helper_id,
            "device": index_device(wish.device) if wish.device else "",
            "address": blind_index(wish.network, "play.address"),
        },
    )


def _give_back(subjects: Subjects, day: int) -> None:
    try:
        return_turns(subjects, day=day)
    except RedisUnavailable as error:
        # They count until midnight.
        log.warning("help_turns_not_returned", play=subjects.code, error=type(error).__name__)
