"""Helpers' coupons: one a help, on the helper's node."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import ids_by_node
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import CODE
from pgs_web.trade.coupon.services import issue_coupons
from pgs_web.trade.coupon.terms import CouponTerms

HELP = "help:"


def reference_of(round_id: int) -> str:
    """What a helper's coupon was issued for; a member helps in a group once."""
    return f"{HELP}{round_id}"


def campaigns_of_rewards(alias: str, references: Collection[str]) -> dict[str, int]:
    """Campaign of the group that each helper's coupon came from, wherever the group is; for count_purchases."""
    wanted = {int(reference.removeprefix(HELP)): reference for reference in references if reference.startswith(HELP)}
    found: dict[str, int] = {}
    for node, round_ids in ids_by_node(wanted).items():
        rows = Round.objects.on_node(node).filter(pk__in=round_ids).values_list("pk", "campaign_id")
        found.update((wanted[pk], campaign_id) for pk, campaign_id in rows)
    return found


def issue_rewards(messages: Sequence[Message]) -> None:
    """Issues each help's coupon, once however often it is told; handler of `reward`."""
    now = database_now("default")
    for terms, references in _layers([message.payload for message in messages]):
        issue_coupons(issuer=CODE, references=references, terms=_make_terms(terms, now))


def _layers(payloads: Sequence[dict[str, Any]]) -> list[tuple[tuple[Any, ...], dict[int, str]]]:
    """Helps of the same terms, a helper once in each; most batches are one or a few."""
    layers: dict[tuple[Any, ...], list[dict[int, str]]] = defaultdict(list)
    for told in payloads:
        helper_id, reference = told["helper_id"], reference_of(told["round_id"])
        of_terms = layers[told["title"], told["amount_fen"], told["threshold_fen"], told["days"]]
        layer = next((one for one in of_terms if one.get(helper_id, reference) == reference), None)
        if layer is None:
            layer = {}
            of_terms.append(layer)
        layer[helper_id] = reference
    return [(terms, layer) for terms, of_terms in layers.items() for layer in of_terms]


def _make_terms(terms: tuple[Any, ...], now: datetime) -> CouponTerms:
    title, amount_fen, threshold_fen, days = terms
    return CouponTerms(
        title=title,
        amount_fen=amount_fen,
        threshold_fen=threshold_fen,
        valid_from=now,
        expires_at=now + timedelta(days=days),
    )
