"""What must hold of assist groups; part of `manage.py check_invariants`."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_slot, ids_by_node, node_aliases, slot_of_key
from pgs_data.sharding.spans import key_spans, pages_by_span
from pgs_web.display.activity.models import ActivityStock
from pgs_web.marketing.assist.models import Round, StartCount, UnitClaim, UnitCount
from pgs_web.marketing.assist.services.rewarding import HELP, reference_of
from pgs_web.marketing.assist.states import CODE, ENTITLED, RoundState
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.forgetting import find_forgotten
from pgs_web.plays.rounds import GRACE, find_overdue, rounds_by_page
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.order.models import Order

PAGE = 500
COMPLETE = frozenset({RoundState.SUCCEEDED, RoundState.BOUGHT, RoundState.LAPSED})


def find_wrong_helps() -> Iterator[str]:
    """Groups that count other helps than there are, or are complete with too few, or run on with all of them."""
    for alias, page in rounds_by_page(Round):
        rows = Help.objects.on_node(alias).filter(round_id__in=[round_.pk for round_ in page]).values_list("round_id")
        counts = dict(rows.annotate(count=Count("id")).order_by())
        forgotten = find_forgotten({round_.campaign_id for round_ in page})
        for round_ in page:
            count = round_.help_count if round_.campaign_id in forgotten else counts.get(round_.pk, 0)
            if count != round_.help_count:
                yield f"round {round_.pk}: {count} helped, it says {round_.help_count}"
            elif (round_.state in COMPLETE) != (count == round_.needed):
                yield f"round {round_.pk}: {count} of {round_.needed} helped, and it is {round_.state}"


def find_wrong_units() -> Iterator[str]:
    """Units that are counted wrongly, more of them than there are, and groups with a unit that isn't theirs, or
    without theirs."""
    held: dict[int, int] = defaultdict(int)
    most: dict[int, int] = defaultdict(int)
    for _alias, page in rounds_by_page(Round):
        claims = {claim.pk: claim for claim in UnitClaim.objects.filter(pk__in=[round_.pk for round_ in page])}
        for round_ in page:
            most[round_.activity_id] = max(most[round_.activity_id], round_.units)
            claim = claims.get(round_.pk)
            has_unit = claim is not None and claim.returned_at is None
            held[round_.activity_id] += has_unit
            keeps = round_.state in ENTITLED or (round_.state == RoundState.LAPSED and not round_.returns_units)
            # Whoever died in the last help left it to a group that runs on.
            may_have = keeps or (round_.state == RoundState.RUNNING and round_.help_count == round_.needed - 1)
            if keeps and not has_unit:
                yield f"round {round_.pk}: it is {round_.state}, and has no unit"
            elif has_unit and not may_have:
                yield f"round {round_.pk}: it is {round_.state}, and has a unit"
    shelf = dict(ActivityStock.objects.filter(pk__in=list(most)).values_list("pk", "total"))
    for count in UnitCount.objects.order_by("pk").iterator(PAGE):
        if count.taken != held.pop(count.pk, 0):
            yield f"activity {count.pk}: {count.taken} units are counted, groups have others"
        elif count.taken > most[count.pk]:
            yield f"activity {count.pk}: {count.taken} units are taken of {most[count.pk]}"
        elif count.taken > shelf.get(count.pk, count.taken):
            yield f"activity {count.pk}: {count.taken} units are taken, the shelf had {shelf[count.pk]}"
    for activity_id, taken in held.items():
        if taken:
            yield f"activity {activity_id}: {taken} units are taken, none is counted"


def find_wrong_rights() -> Iterator[str]:
    """Groups whose coupon isn't that of their state: one at the assist price for who succeeded, none for others."""
    for alias, page in rounds_by_page(Round):
        coupons = _coupons_of(alias, page)
        orders = Order.objects.on_node(alias).filter(pk__in=[one.order_id for one in page if one.order_id is not None])
        paid = set(orders.filter(paid_at__isnull=False).values_list("pk", "member_id"))
        for round_ in page:
            coupon = coupons.get(str(round_.pk))
            said = None if coupon is None else (coupon.pk, coupon.price_fen, coupon.member_id)
            expected = (round_.coupon_id, round_.price_fen, round_.member_id)
            if said != (expected if round_.state in COMPLETE else None):
                yield f"round {round_.pk}: it is {round_.state}, its coupon is {said}"
            elif coupon is not None and (coupon.state == CouponState.WITHDRAWN) < (round_.state == RoundState.LAPSED):
                yield f"round {round_.pk}: it has lapsed, and its coupon is {coupon.state}"
            elif (round_.state == RoundState.BOUGHT) != ((round_.order_id, round_.member_id) in paid):
                yield f"round {round_.pk}: it is {round_.state} by order {round_.order_id}"


def find_wrong_rewards() -> Iterator[str]:
    """Helps without their coupon, or with another one, and coupons without a help."""
    for alias, page in rounds_by_page(Round):
        forgotten = find_forgotten({round_.campaign_id for round_ in page})
        worth = {round_.pk: round_.reward_fen for round_ in page if round_.campaign_id not in forgotten}
        for helps in _helps_by_page(alias, worth):
            coupons = _rewards_of(helps)
            for round_id, helper_id in helps:
                fen = coupons.get((helper_id, reference_of(round_id)), 0)
                if fen != worth[round_id]:
                    yield f"round {round_id}: helper {helper_id} has {fen} fen, due are {worth[round_id]}"
    for alias in node_aliases():
        yield from _find_undue(alias)


def find_overdue_rounds() -> Iterator[str]:
    """Groups that run past their end, and rights that nobody settles."""
    yield from find_overdue(Round)
    for alias in node_aliases():
        late = Round.objects.on_node(alias).filter(look_at__lte=DatabaseNow(after=-(GRACE + timedelta(seconds=60))))
        for page in pages_by_span(late.only("pk"), size=PAGE):
            for round_ in page:
                yield f"round {round_.pk}: nobody has looked at what became of its unit"


def find_wrong_starts() -> Iterator[str]:
    """Campaigns of which more groups were started than are counted, so that helpers' coupons can cost more."""
    started: dict[int, int] = defaultdict(int)
    for alias in node_aliases():
        for span in key_spans(Round.objects.on_node(alias)):
            rows = Round.objects.on_node(alias).filter(span.of("id")).values_list("campaign_id")
            for campaign_id, count in rows.annotate(count=Count("id")).order_by():
                started[campaign_id] += count
    counted = dict(StartCount.objects.values_list("pk", "started").iterator(PAGE))
    for campaign_id, count in started.items():
        if count > counted.get(campaign_id, 0):
            yield f"campaign {campaign_id}: {count} groups were started, {counted.get(campaign_id, 0)} are counted"


def _coupons_of(alias: str, page: list[Round]) -> dict[str, Coupon]:
    rows = Coupon.objects.on_node(alias).filter(
        issuer=CODE,
        member_id__in={round_.member_id for round_ in page},
        issue_reference__in=[str(round_.pk) for round_ in page],
    )
    return {coupon.issue_reference: coupon for coupon in rows}


def _helps_by_page(alias: str, worth: dict[int, int]) -> Iterator[list[tuple[int, int]]]:
    """(round, helper), a page at a time."""
    rows, last_id = Help.objects.on_node(alias).filter(round_id__in=list(worth)).order_by("pk"), 0
    while page := list(rows.filter(pk__gt=last_id).values_list("pk", "round_id", "helper_id")[:PAGE]):
        last_id = page[-1][0]
        yield [(round_id, helper_id) for _pk, round_id, helper_id in page]


def _rewards_of(helps: list[tuple[int, int]]) -> dict[tuple[int, str], int]:
    """(helper, what for) → fen, of the coupons of these helps."""
    by_node: dict[str, set[int]] = defaultdict(set)
    for _round_id, helper_id in helps:
        by_node[alias_of_slot(slot_of_key(helper_id))].add(helper_id)
    references = list({reference_of(round_id) for round_id, _helper_id in helps})
    found: dict[tuple[int, str], int] = {}
    for alias, helper_ids in by_node.items():
        rows = Coupon.objects.on_node(alias).filter(
            member_id__in=helper_ids, issuer=CODE, issue_reference__in=references
        )
        found.update(
            ((member_id, reference), fen)
            for member_id, reference, fen in rows.values_list("member_id", "issue_reference", "amount_fen")
        )
    return found


def _find_undue(alias: str) -> Iterator[str]:
    rows, last_id = (
        Coupon.objects.on_node(alias).filter(issuer=CODE, issue_reference__startswith=HELP).order_by("pk"),
        0,
    )
    while page := list(rows.filter(pk__gt=last_id).values_list("pk", "member_id", "issue_reference")[:PAGE]):
        last_id = page[-1][0]
        wanted = {int(reference.removeprefix(HELP)) for _pk, _member_id, reference in page}
        helps: set[tuple[int, int]] = set()
        campaigns: dict[int, int] = {}
        for node, round_ids in ids_by_node(wanted).items():
            campaigns.update(Round.objects.on_node(node).filter(pk__in=round_ids).values_list("pk", "campaign_id"))
            helps.update(
                Help.objects.on_node(node)
                .filter(round_id__in=round_ids, helper_id__in={member_id for _pk, member_id, _reference in page})
                .values_list("round_id", "helper_id")
            )
        forgotten = find_forgotten(set(campaigns.values()))
        for pk, member_id, reference in page:
            round_id = int(reference.removeprefix(HELP))
            if (round_id, member_id) not in helps and campaigns.get(round_id) not in forgotten:
                yield f"coupon {pk}: member {member_id} has it for a help that isn't there"
