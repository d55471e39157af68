"""Coupons come to members, each once for its cause; those whose time is over, or that are taken back, go."""

from collections.abc import Mapping
from datetime import datetime

from django.db import OperationalError
from django.db.models import Q

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, node_aliases, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.coupon.errors import refuse_coupon_state
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.selectors import get_coupon
from pgs_web.trade.coupon.services.door import move_coupons
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.coupon.terms import CouponTerms, validate_terms


def issue_coupon(*, issuer: str, reference: str, member_id: int, terms: CouponTerms) -> Coupon:
    """The member's coupon for this cause: issued now, or before when it is told again, whatever terms it then names.

    Raises ValidationError for impossible terms, IdSourceUnavailable. Callable in a transaction of the member's node.
    """
    issue_coupons(issuer=issuer, references={member_id: reference}, terms=terms)
    rows = Coupon.objects.on_node(_alias_of_member(member_id))
    return rows.get(member_id=member_id, issuer=issuer, issue_reference=reference)


def issue_coupons(
    *, issuer: str, references: Mapping[int, str], terms: CouponTerms, allow_default: bool = False
) -> None:
    """Issues one coupon to each member (member → cause); who has one of this issuer for this cause gets no second.

    One transaction a node: dying in between leaves the rest to the repetition. `allow_default`: within a transaction
    of `default`, by whoever repeats the same call after a crash.
    """
    validate_terms(terms)
    columns = terms.columns()
    by_node: dict[str, list[int]] = {}
    for member_id in references:
        by_node.setdefault(_alias_of_member(member_id), []).append(member_id)
    for alias, member_ids in by_node.items():
        with node_transaction(alias, allow_default=allow_default):
            now = database_now(alias)
            drafts = [
                Coupon(
                    id=new_id(slot=slot_of_key(member_id)),
                    member_id=member_id,
                    issuer=issuer,
                    issue_reference=references[member_id],
                    state=CouponState.ISSUED,
                    issued_at=now,
                    changed_at=now,
                    **columns,
                )
                for member_id in member_ids
            ]
            # The unique index decides who was first; terms were judged above, so that nothing else is ignored.
            Coupon.objects.on_node(alias).bulk_create(drafts, ignore_conflicts=True)


def withdraw_coupon(*, coupon_id: int) -> Coupon:
    """Takes a coupon back that isn't used; raises NotFound, CouponNotUsable with its state."""
    get_coupon(coupon_id=coupon_id)
    alias = alias_of_id(coupon_id)
    with node_transaction(alias):
        moved = move_coupons(
            alias=alias,
            coupon_ids=[coupon_id],
            from_state=CouponState.ISSUED,
            to_state=CouponState.WITHDRAWN,
            now=database_now(alias),
        )
    coupon = get_coupon(coupon_id=coupon_id)
    if not moved:
        raise refuse_coupon_state(coupon.state)
    return coupon


def forfeit_coupon(*, alias: str, coupon_id: int, now: datetime) -> bool:
    """Takes a coupon whose time is over back for good, so that no late payment brings it back; False while it is in
    its time, or USED. Call it in a transaction of its node, by whoever gives what it stood for to somebody else."""
    over = {CouponState.ISSUED: Q(expires_at__lte=now), CouponState.EXPIRED: Q()}
    moved = sum(
        move_coupons(
            alias=alias,
            coupon_ids=[coupon_id],
            from_state=state,
            to_state=CouponState.WITHDRAWN,
            now=now,
            condition=condition,
        )
        for state, condition in over.items()
    )
    rows = Coupon.objects.on_node(alias).filter(pk=coupon_id, state=CouponState.WITHDRAWN)
    return moved == 1 or rows.exists()


def expire_coupons(*, limit: int = 500) -> int:
    """Says of up to `limit` coupons a node that their time is over; costs what is due. Returns how many.

    Nobody waits for it: a coupon past its time isn't taken by orders, nor shown as one that could be. Every node is
    served before an outage is raised.
    """
    expired, outages = 0, []
    for alias in node_aliases():
        try:
            expired += _expire_on_node(alias, limit)
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return expired


def _expire_on_node(alias: str, limit: int) -> int:
    due = Coupon.objects.on_node(alias).filter(state=CouponState.ISSUED, expires_at__lte=DatabaseNow())
    coupon_ids = list(due.order_by("expires_at").values_list("pk", flat=True)[:limit])
    if not coupon_ids:
        return 0
    with node_transaction(alias):
        return move_coupons(
            alias=alias,
            coupon_ids=coupon_ids,
            from_state=CouponState.ISSUED,
            to_state=CouponState.EXPIRED,
            now=database_now(alias),
        )


def _alias_of_member(member_id: int) -> str:
    return alias_of_slot(slot_of_key(member_id))
