"""What must hold of invitations; part of `manage.py check_invariants`."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import pages_by_span
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.selectors import PASS_GRACE, with_opening_order
from pgs_web.marketing.invite_new.states import CODE, RewardKind, RewardState, RoundState
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.states import RequestCause
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

PAGE = 200
# Longer than a run of the job is put off.
GRACE = timedelta(seconds=60)
_COUNTED = frozenset({SeatState.PAID, SeatState.CONFIRMED})


def find_missing_new_members() -> Iterator[str]:
    """Groups in which more sit than may who aren't new, or somebody who was never asked."""
    for alias in node_aliases():
        for page in _pages(alias):
            rounds = [round_ for round_ in page if round_.group_id is not None]
            rows = Seat.objects.on_node(alias).filter(
                group_id__in=[round_.group_id for round_ in rounds], state__in=_COUNTED
            )
            counts = {
                group_id: (others, unasked)
                for group_id, others, unasked in rows.values_list("group_id")
                .annotate(
                    others=Count("pk", filter=Q(is_returning=True)),
                    unasked=Count("pk", filter=Q(is_returning=None)),
                )
                .order_by()
            }
            for round_ in rounds:
                others, unasked = counts.get(round_.group_id or 0, (0, 0))
                if others > round_.other_seats:
                    yield f"round {round_.pk}: {others} of its group aren't new, {round_.other_seats} may be"
                # The leader is nobody's newcomer.
                if unasked > 1:
                    yield f"round {round_.pk}: {unasked} of its group were never asked whether they are new"


def find_wrong_rewards() -> Iterator[str]:
    """Rewards that were paid twice, in another amount, for nothing, or that outlived their group's success."""
    for alias in node_aliases():
        for page in _pages(alias):
            rewards = Reward.objects.on_node(alias).in_bulk([round_.pk for round_ in page])
            coupons = _coupons(alias, page)
            requests = _requests(alias, page)
            groups = Group.objects.on_node(alias).in_bulk([one.group_id for one in page if one.group_id is not None])
            for round_ in page:
                reward, group = rewards.get(round_.pk), groups.get(round_.group_id or 0)
                given = coupons.get(round_.pk, []) + requests.get(round_.order_id or 0, [])
                problem = _judge(round_, reward, group, given)
                if problem:
                    yield f"round {round_.pk}: {problem}"
        yield from _undone_and_paid(alias)


def find_overdue_rounds() -> Iterator[str]:
    """Invitations that wait past their time or for a group that is decided, or are over though their group is there."""
    for alias in node_aliases():
        rows = Round.objects.on_node(alias)
        late = rows.filter(state=RoundState.OPENING, open_by__lte=DatabaseNow(after=-PASS_GRACE - GRACE), order_id=None)
        for page in pages_by_span(late.only("pk"), size=PAGE):
            for round_ in page:
                yield f"round {round_.pk}: waits to be opened past its time"
        decided = Group.objects.on_node(alias).filter(pk=OuterRef("group_id")).exclude(state=GroupState.FORMING)
        is_decided = Exists(decided.filter(decided_at__lte=DatabaseNow(after=-GRACE)))
        behind = rows.filter(is_decided, state=RoundState.FORMING)
        for page in pages_by_span(behind.only("pk"), size=PAGE):
            for round_ in page:
                yield f"round {round_.pk}: its group is decided, and it waits"
        yield from _expired_with_group(alias)


def _expired_with_group(alias: str) -> Iterator[str]:
    last_id = 0
    rows = with_opening_order(alias, state=RoundState.EXPIRED).order_by("pk")
    while page := list(rows.filter(pk__gt=last_id)[:PAGE]):
        last_id = page[-1].pk
        orders = Order.objects.on_node(alias).filter(
            member_id__in={one.member_id for one in page}, idempotency_key__in=[one.opening_key for one in page]
        )
        opened = {
            (one.member_id, one.activity_id, one.idempotency_key): one.group_id for one in orders if one.told.by_pass
        }
        groups = Group.objects.on_node(alias).in_bulk([group_id for group_id in opened.values() if group_id])
        taken = set(Round.objects.on_node(alias).filter(group_id__in=list(groups)).values_list("group_id", flat=True))
        for round_ in page:
            group = groups.get(opened.get((round_.member_id, round_.activity_id, round_.opening_key)) or 0)
            if group is None or group.pk in taken:
                continue
            if (group.activity_id, group.leader_member_id) == (round_.activity_id, round_.member_id):
                yield f"round {round_.pk}: it is over, though its pass opened group {group.pk}"


def _judge(round_: Round, reward: Reward | None, group: Group | None, given: list[tuple[int, int, bool]]) -> str:
    """`given`: (coupon or request, fen, whether it stands)."""
    if group is not None and (group.activity_id, group.leader_member_id) != (round_.activity_id, round_.member_id):
        return f"its group {group.pk} is of another activity, or of another leader"
    if reward is None:
        is_due = (
            round_.state == RoundState.SUCCEEDED
            and round_.reward_kind != RewardKind.NONE
            and group is not None
            and not group.guaranteed_seats
        )
        return "it has no reward" if is_due else "it gave what it has no reward for" if given else ""
    if round_.state != RoundState.SUCCEEDED:
        return f"it is {round_.state}, and has a reward"
    standing = [(one, fen) for one, fen, stands in given if stands]
    if reward.state in {RewardState.PAID, RewardState.OWED, RewardState.LET_GO}:
        expected = [(reward.coupon_id or reward.request_id, reward.amount_fen)]
        # A coupon's time may be over: it was given all the same.
        return "" if [(one, fen) for one, fen, _ in given] == expected else f"its reward is {given}, not {expected}"
    return f"its reward is {reward.state}, and was given: {standing}" if standing else ""


def _coupons(alias: str, page: list[Round]) -> dict[int, list[tuple[int, int, bool]]]:
    rows = Coupon.objects.on_node(alias).filter(
        issuer=CODE,
        member_id__in={round_.member_id for round_ in page},
        issue_reference__in=[str(round_.pk) for round_ in page],
    )
    found: dict[int, list[tuple[int, int, bool]]] = {}
    for coupon in rows:
        stands = coupon.state in {CouponState.ISSUED, CouponState.USED}
        found.setdefault(int(coupon.issue_reference), []).append((coupon.pk, coupon.amount_fen, stands))
    return found


def _requests(alias: str, page: list[Round]) -> dict[int, list[tuple[int, int, bool]]]:
    order_ids = [round_.order_id for round_ in page if round_.order_id is not None]
    rows = AfterSaleRequest.objects.on_node(alias).filter(order_id__in=order_ids, cause=RequestCause.REWARD)
    found: dict[int, list[tuple[int, int, bool]]] = {}
    for request in rows:
        found.setdefault(request.order_id, []).append((request.pk, request.amount_fen, True))
    return found


def _undone_and_paid(alias: str) -> Iterator[str]:
    last_id = 0
    rows = Reward.objects.on_node(alias).filter(state=RewardState.PAID).order_by("pk")
    while page := list(rows.filter(pk__gt=last_id)[:PAGE]):
        last_id = page[-1].pk
        orders = Order.objects.for_ids({order_id for reward in page for order_id in reward.order_ids})
        gone = {order.pk for order in orders if order.state == OrderState.REFUNDED}
        for reward in page:
            if gone & set(reward.order_ids):
                yield f"round {reward.pk}: an order of its group was refunded, and the reward stands"


def _pages(alias: str) -> Iterator[list[Round]]:
    last_id = 0
    rows = Round.objects.on_node(alias).order_by("pk")
    while page := list(rows.filter(pk__gt=last_id)[:PAGE]):
        last_id = page[-1].pk
        yield page
