"""What must hold of bargains; part of `manage.py check_invariants`."""

from collections.abc import Iterator

from django.db.models import Count, Sum

from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.schedule import commit_seed, sum_cuts
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.rounds import find_overdue, rounds_by_page
from pgs_web.trade.coupon.models import Coupon


def find_wrong_cuts() -> Iterator[str]:
    """Bargains whose helps aren't the schedule that was committed at their start."""
    for alias, page in rounds_by_page(Round):
        helps = _helps(alias, page)
        for round_ in page:
            count, fen, helpers = helps.get(round_.pk, (0, 0, 0))
            if commit_seed(round_.seed) != round_.commitment:
                yield f"round {round_.pk}: its seed is not the one that was committed"
            elif (count, fen) != (round_.cut_count, round_.cut_fen):
                yield f"round {round_.pk}: {helpers} helps cut {count} times {fen} fen, it says {round_.cut_fen}"
            elif sum_cuts(round_.schedule())[count] != fen:
                yield f"round {round_.pk}: {count} cuts took {fen} fen, its schedule says otherwise"


def find_wrong_prices() -> Iterator[str]:
    """Bargains that reached a price without its coupon, or have one without it, or are complete and run on."""
    for alias, page in rounds_by_page(Round):
        rows = Coupon.objects.on_node(alias).filter(
            issuer=CODE,
            member_id__in={round_.member_id for round_ in page},
            issue_reference__in=[str(round_.pk) for round_ in page],
        )
        coupons = {coupon.issue_reference: coupon for coupon in rows}
        for round_ in page:
            coupon = coupons.get(str(round_.pk))
            said = None if coupon is None else (coupon.pk, coupon.amount_fen, _price_of(coupon), coupon.member_id)
            price_fen = round_.list_price_fen - round_.cut_fen
            expected = (round_.coupon_id, round_.cut_fen, price_fen, round_.member_id)
            if said != (expected if round_.state == RoundState.REACHED else None):
                yield f"round {round_.pk}: it is {round_.state}, its coupon is {said}"
            elif round_.cut_count == round_.cuts and round_.state != RoundState.REACHED:
                yield f"round {round_.pk}: all is cut, and it is {round_.state}"


def find_overdue_rounds() -> Iterator[str]:
    """Bargains that run past their end."""
    yield from find_overdue(Round)


def _price_of(coupon: Coupon) -> int:
    # Coupons from before prices were promised took what was cut off the price before.
    return coupon.threshold_fen - coupon.amount_fen if coupon.price_fen is None else coupon.price_fen


def _helps(alias: str, page: list[Round]) -> dict[int, tuple[int, int, int]]:
    rows = Cutting.objects.on_node(alias).filter(round_id__in=[round_.pk for round_ in page]).values_list("round_id")
    sums = rows.annotate(count=Sum("cuts"), fen=Sum("cut_fen"), helpers=Count("id")).order_by()
    return {round_id: (count, fen, helpers) for round_id, count, fen, helpers in sums}
