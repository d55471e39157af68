"""What operators are told of red packets: figures that are exact, and a preview of the rules."""

from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.translation import override

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.red_packet.forms import Rules
from pgs_web.marketing.red_packet.models import Envelope
from pgs_web.marketing.red_packet.play import PLAY
from pgs_web.marketing.red_packet.services import count_envelopes, end_overdue_packets, redeem_packet
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.marketing.red_packet.tests.making import (
    begin,
    let_end,
    make_campaign,
    make_rules,
    offences,
    random_rules,
    try_help,
)
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order
from tests.races.meeting import meet

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def figures(campaign) -> Counter[str]:
    while fold_figures():
        pass
    return +read_counted(code=CODE, campaign_ids=[campaign.pk]).of(campaign.pk)


def test_each_fact_is_counted_once():
    campaign = make_campaign(packets=2)
    redeemed, late = begin(campaign), begin(campaign, member_id=20)
    # No packet is left: what wasn't opened isn't counted.
    with pytest.raises(Exception, match="red_packets_gone"):
        begin(campaign, member_id=30)
    assert [try_help(redeemed, 1), try_help(redeemed, 1), try_help(late, 2)] == ["TAKEN", "already_helped", "TAKEN"]
    coupon_id = redeem_packet(member_id=10, packet_id=redeemed.pk)
    let_end(late)
    assert (end_overdue_packets(), end_overdue_packets()) == (1, 0)
    played = Counter({"started": 2, "helps": 2, "new_helpers": 2})
    played.update(ending(state) for state in (PacketState.REDEEMED, PacketState.EXPIRED))
    assert figures(campaign) == played
    order = make_order(unit_price_fen=2000)
    use_coupons(member_id=10, order_id=order.pk, coupon_ids=[coupon_id])
    Order.objects.filter(pk=order.pk).update(paid_at=database_now(alias_of_id(order.pk)))
    message: Any = SimpleNamespace(payload={"order_id": order.pk, "member_id": 10})
    for _ in range(2):
        PLAY.on_order_paid([message])
    assert figures(campaign) == played + Counter(bought=1, new_members=1, cost_fen=200)
    PLAY.on_order_refunded([message])
    assert figures(campaign) == played + Counter(returned=1)
    Envelope.objects.update(due_at="2020-01-01T00:00:00Z")
    count_envelopes()
    told = {str(figure.title): (figure.value, figure.of) for figure in PLAY.read_figures([campaign.pk])[campaign.pk]}
    assert set(told.values()) == {(200, 5000), (0, None), (200, None)}


@pytest.mark.real
def test_runs_that_end_the_same_packets_at_once_count_them_once():
    campaign = make_campaign()
    for member_id in range(10, 15):
        let_end(begin(campaign, member_id=member_id))
    assert sum(meet(*(partial(end_overdue_packets) for _ in range(4)))) == 5
    assert figures(campaign)[ending(PacketState.EXPIRED)] == 5
    assert [offender for offender in offences() if "envelope doesn't know" in offender] == []


def preview(rules: dict[str, Any]) -> dict[str, str]:
    form = Rules(rules)
    assert form.is_valid(), form.errors
    with override("en"):
        return {str(line.title): line.text for line in PLAY.preview(form.cleaned_data)}


def test_rules_are_previewed():
    told = preview(make_rules())
    assert told["Worth after each help"] == "¥2.00, ¥4.00, ¥10.00"
    assert told["All packets at their largest"] == "10 × ¥10.00 = ¥100.00"
    assert told["Costs the shop"].startswith("up to the envelope, ¥50.00")
    told = preview(random_rules(envelope_fen=10_000, most_helps=9))
    assert told["Costs the shop"] == "up to ¥100.00; the envelope of ¥100.00 is never used up"
    assert told["Worth after each help, for example"].startswith("¥")
