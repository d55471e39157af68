"""What games with helpers do alike with their rounds: start, read, lock, and end them by the clock."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import QuerySet

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, node_aliases, slot_of_id, slot_of_key
from pgs_data.sharding.spans import pages_by_span
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES, NotFound, Refusal, Unavailable
from pgs_web.plays.eligibility.devices import index_device
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.figures.names import STARTED, ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.round_models import RoundModel, SharedModel
from pgs_web.plays.selectors import RulesSnapshot

RUNNING, EXPIRED = "RUNNING", "EXPIRED"
ROUNDS_A_RUN = 500
# No page begins later in a run: that has to be over within its job's lease of 15 s.
RUN_SECONDS = 8
# Longer than a run of the job that ends them is put off.
GRACE = timedelta(seconds=60)

_AWAY: tuple[type[Exception], ...] = (*OUTAGES, Unavailable)

R = TypeVar("R", bound=RoundModel)
S = TypeVar("S", bound=SharedModel)
# Ends those of a node's rounds that are running, and returns how many; (alias, ids).
End = Callable[[str, Sequence[int]], int]


@dataclass(frozen=True, kw_only=True)
class StartRefusals:
    """A game's own words for a start that can't be: one is running, or there were as many as a member may start."""

    running: type[Refusal]
    limit: type[Refusal]


def begin_round(
    model: type[R],
    *,
    member_id: int,
    snapshot: RulesSnapshot,
    device: str | None,
    columns: Callable[[datetime], dict[str, Any]],
    end: End,
    refused: StartRefusals,
) -> int:
    """Starts a member's round with the columns that the game makes of its node's time, and counts it; returns its id.

    The snapshot is that of read_rules_to_start. `device` (read_device) can't help in it. Raises DeviceUnknown, the
    game's refusals, Unavailable, and what `columns` raises; nothing is changed then.
    """
    if device is None:
        raise DeviceUnknown
    try:
        round_id = new_id(slot=slot_of_key(member_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    try:
        with node_transaction(round_id) as alias:
            rounds = model.objects.on_node(alias).filter(member_id=member_id, campaign_id=snapshot.campaign_id)
            # Its member sees it EXPIRED already, whenever the job comes.
            overdue = rounds.filter(running_in=snapshot.campaign_id, ends_at__lte=DatabaseNow())
            end(alias, list(overdue.values_list("pk", flat=True)))
            ordinal = rounds.count() + 1
            if ordinal > snapshot.rules["rounds_a_member"]:
                raise refused.limit
            now = database_now(alias)
            # Of two starts at once the constraints refuse one.
            started = model(
                id=round_id,
                member_id=member_id,
                campaign_id=snapshot.campaign_id,
                rules_version=snapshot.version,
                running_in=snapshot.campaign_id,
                ordinal=ordinal,
                pay_seconds=snapshot.rules["pay_minutes"] * 60,
                initiator_device=index_device(device),
                state=RUNNING,
                started_at=now,
                **columns(now),
            )
            model.objects.bulk_create([started])
            count_figures(
                code=snapshot.code, campaign_id=snapshot.campaign_id, shard_key=round_id, amounts={STARTED: 1}
            )
    except IntegrityError as error:
        raise refused.running from error
    return round_id


def get_round(model: type[S], *, round_id: int) -> S:
    """The round as people see it (SharedModel.seen_on); raises NotFound."""
    found = model.seen_on(alias_of_id(round_id)).filter(pk=round_id).first()
    if found is None:
        raise NotFound
    return found


def get_own_round(model: type[S], *, member_id: int, round_id: int) -> S:
    """The member's round; raises NotFound, also for another member's."""
    if slot_of_id(round_id) != slot_of_key(member_id):
        raise NotFound
    found = get_round(model, round_id=round_id)
    if found.member_id != member_id:
        raise NotFound
    return found


def own_rounds(model: type[S], *, member_id: int) -> QuerySet[S]:
    """A member's rounds as people see them; all on the member's node."""
    return model.seen_on(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)


def state_now(round_: Any) -> str:
    """Its state; EXPIRED from the moment that its time is over, whenever the sweep says so."""
    return EXPIRED if round_.state == RUNNING and round_.ends_at <= round_.now else str(round_.state)


def lock_round(model: type[R], *, alias: str, round_id: int) -> tuple[R, datetime]:
    """The round's row, locked until the node transaction ends, and its node's time since then."""
    locked: R = model.objects.on_node(alias).select_for_update().get(pk=round_id)
    return locked, database_now(alias)


def is_running(round_: RoundModel, *, now: datetime) -> bool:
    """Whether anything may happen in a round that is locked since before `now`."""
    return round_.state == RUNNING and round_.ends_at > now


def end_overdue(model: type[R], *, end: End, limit: int = ROUNDS_A_RUN) -> int:
    """Ends rounds whose time is over by their node's clock, `limit` at a time; costs what is due. Returns how many.

    Nobody waits for it: nothing happens in a round past its end. Every node is served before an outage is raised.
    """

    def end_page(alias: str) -> int:
        due = model.objects.on_node(alias).filter(state=RUNNING, ends_at__lte=DatabaseNow())
        return end(alias, list(due.order_by("ends_at").values_list("pk", flat=True)[:limit]))

    return work_off(end_page, page=limit)


def work_off(act: Callable[[str], int], *, page: int) -> int:
    """Acts on every node, and again where a whole `page` was done, for RUN_SECONDS; returns how much was done.

    `act` takes the node's alias, and returns how much it did. Every node is served before an outage is raised.
    """
    # The process's own clock: all it decides is whether the rest waits for the next run.
    ends_at = monotonic() + RUN_SECONDS
    done, outages, aliases = 0, [], list(node_aliases())
    while aliases:
        full = []
        for alias in aliases:
            try:
                count = act(alias)
            except _AWAY as error:
                outages.append(error)
                continue
            done += count
            if count >= page:
                full.append(alias)
        aliases = full if monotonic() < ends_at else []
    if outages:
        raise outages[0]
    return done


def expire_rounds(model: type[R], *, code: str, alias: str, round_ids: Sequence[int]) -> int:
    """A game's `end`: those of a node's rounds that are running are EXPIRED, and counted; returns how many.

    For games in whose rounds nothing else follows from it. Callable in a transaction of the node.
    """
    if not round_ids:
        return 0
    with node_transaction(alias):
        rows = model.objects.on_node(alias).filter(pk__in=list(round_ids), state=RUNNING)
        # Locked in one order: of two runs at once the second finds none, and counts none.
        running = dict(rows.select_for_update().order_by("pk").values_list("pk", "campaign_id"))
        rows.filter(pk__in=list(running)).update(state=EXPIRED, running_in=None, decided_at=DatabaseNow())
        for campaign_id, count in Counter(running.values()).items():
            amounts = {ending(EXPIRED): count}
            count_figures(code=code, campaign_id=campaign_id, shard_key=next(iter(running)), amounts=amounts)
    return len(running)


def campaigns_of_rounds(model: type[R], alias: str, references: Collection[str]) -> dict[str, int]:
    """Campaign of each round on a node, both as coupons of promised prices name them; for count_purchases."""
    ids = [int(reference) for reference in references if reference.isdecimal()]
    rows = model.objects.on_node(alias).filter(pk__in=ids).values_list("pk", "campaign_id")
    return {str(pk): campaign_id for pk, campaign_id in rows}


def find_overdue(model: type[R]) -> Iterator[str]:
    """For a check: rounds that run past their end."""
    for alias in node_aliases():
        late = model.objects.on_node(alias).filter(state=RUNNING, ends_at__lte=DatabaseNow(after=-GRACE))
        for page in pages_by_span(late.only("pk"), size=ROUNDS_A_RUN):
            for round_ in page:
                yield f"round {round_.pk}: runs past its end"


def rounds_by_page(model: type[R]) -> Iterator[tuple[str, list[R]]]:
    """For a check: all rounds, each node's with its alias, a page at a time."""
    for alias in node_aliases():
        last_id = 0
        rows = model.objects.on_node(alias).order_by("pk")
        while page := list(rows.filter(pk__gt=last_id)[:ROUNDS_A_RUN]):
            last_id = page[-1].pk
            yield alias, page
