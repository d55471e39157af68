"""Helps of campaigns that were closed long ago go, and no others."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import OperationalError

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import SLOT_SHIFT, alias_of_id, slot_of_key
from pgs_web.plays import forgetting
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.forgetting import KEEP, MARGIN, find_forgotten, forget_helps
from pgs_web.plays.models import Campaign
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def make_campaign(*, closed_before: timedelta | None) -> int:
    """With three helps on each of three nodes."""
    closed_at = None if closed_before is None else DatabaseNow(after=-closed_before)
    campaign = Campaign.objects.create(code="cards", title="One", created_at=DatabaseNow(), closed_at=closed_at)
    for member_id in MEMBERS_ON_THREE_NODES:
        Help.objects.bulk_create(
            Help(
                round_id=slot_of_key(member_id) << SLOT_SHIFT | 77,
                campaign_id=campaign.pk,
                initiator_id=member_id,
                helper_id=9_000 + number,
                is_new_member=False,
                created_at=DatabaseNow(),
            )
            for number in range(3)
        )
    return campaign.pk


def count(campaign_id: int) -> int:
    nodes = {alias_of_id(slot_of_key(member_id) << SLOT_SHIFT | 77) for member_id in MEMBERS_ON_THREE_NODES}
    return sum(Help.objects.on_node(alias).filter(campaign_id=campaign_id).count() for alias in nodes)


def test_only_helps_of_campaigns_closed_long_ago_go(monkeypatch):
    monkeypatch.setattr(forgetting, "HELPS_A_PAGE", 2)
    older, old, told, closed, playing = (
        make_campaign(closed_before=before)
        for before in (KEEP + 9 * MARGIN, KEEP + 2 * MARGIN, KEEP + MARGIN / 2, KEEP - MARGIN, None)
    )
    assert find_forgotten([older, old, told, closed, playing]) == {older, old, told}
    assert (forget_helps(), count(older), count(old)) == (9, 0, 9)
    assert (forget_helps(), forget_helps()) == (9, 0)
    assert [count(one) for one in (older, old, told, closed, playing)] == [0, 0, 9, 9, 9]
    assert set(Campaign.objects.exclude(helps_forgotten_at=None).values_list("pk", flat=True)) == {older, old}


def test_a_node_that_is_away_is_served_when_it_is_back():
    campaign_id = make_campaign(closed_before=KEEP + 2 * MARGIN)
    away, forget = alias_of_id(slot_of_key(MEMBERS_ON_THREE_NODES[0]) << SLOT_SHIFT), forgetting._forget_page

    def forget_page(campaign_id: int, alias: str) -> int:
        if alias == away:
            raise OperationalError(2002, "away")
        return forget(campaign_id, alias)

    with patch.object(forgetting, "_forget_page", forget_page), pytest.raises(OperationalError):
        forget_helps()
    assert (count(campaign_id), Campaign.objects.get(pk=campaign_id).helps_forgotten_at) == (3, None)
    assert (forget_helps(), count(campaign_id)) == (3, 0)
