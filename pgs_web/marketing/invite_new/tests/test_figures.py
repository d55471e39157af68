"""What operators are told of invitations: rounds that end are counted once, and rules are previewed."""

from collections import Counter

import pytest
from django.utils.translation import override

from pgs_web.marketing.invite_new.forms import Rules
from pgs_web.marketing.invite_new.play import PLAY
from pgs_web.marketing.invite_new.services import follow_groups, notice_openings
from pgs_web.marketing.invite_new.states import RoundState
from pgs_web.marketing.invite_new.tests.making import figures_of, make_activity, make_campaign, make_rules
from pgs_web.marketing.invite_new.tests.test_following import LEADER, end_time_to_open, make_round
from pgs_web.plays.errors import BadRules
from pgs_web.plays.services import change_rules
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.tests.making import make_group
from tests.races.meeting import meet

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def test_invitations_that_end_are_counted_once():
    late, group = make_round(), make_group(leader_member_id=LEADER)
    make_round(ordinal=2, campaign_id=late.campaign_id, state=RoundState.FORMING, group_id=group.pk, order_id=1)
    end_time_to_open(late)
    Group.objects.filter(pk=group.pk).update(state="FAILED")
    for _ in range(2):
        notice_openings()
        follow_groups({group.pk: LEADER})
    assert figures_of(late.campaign_id) == Counter({"ended.EXPIRED": 1, "ended.FAILED": 1})


@pytest.mark.real
def test_runs_that_end_the_same_invitations_at_once_count_them_once():
    for ordinal in range(1, 11):
        end_time_to_open(make_round(ordinal=ordinal, campaign_id=1, running_in=ordinal))
    assert sum(meet(*[notice_openings] * 4)) == 10
    assert figures_of(1) == Counter({"ended.EXPIRED": 10})


def preview(**changes) -> dict[str, str]:
    form = Rules(make_rules(**changes))
    assert form.is_valid(), form.errors
    with override("en"):
        return {str(line.title): line.text for line in PLAY.preview(form.cleaned_data)}


def test_rules_are_previewed():
    activity = make_activity()
    told = preview(activity=activity, reward_kind="coupon", reward_fen=300, coupon_threshold_fen=500)
    assert told["Group price"] == "¥10.00 instead of ¥15.00"
    assert told["A group"] == "3 members; besides the leader at least 1 of them new"
    assert told["Reward of the leader"] == "a coupon of ¥3.00 from an order of ¥5.00 on, for 7 days"
    assert (told["Rewards cost"], told["A new member costs"]) == ("up to ¥30.00 of ¥1000.00", "up to ¥3.00 in rewards")
    assert "the coupon" in told["Who bears it"]
    free = preview(activity=activity, reward_kind="free_order")
    assert free["Reward of the leader"].startswith("the order for free: ¥10.00 back")
    assert "settlement" in free["Who bears it"]
    assert preview(activity=activity)["Who bears it"] == "nobody"
    assert PLAY.preview({**make_rules(activity=activity), "activity_id": 999_999}) == []


def test_an_envelope_holds_what_was_promised_under_any_version():
    activity = make_activity()
    campaign = make_campaign(activity=activity, reward_kind="coupon", reward_fen=300)
    for rules in (make_rules(), make_rules(activity=activity, envelope_fen=99_999)):
        with pytest.raises(BadRules):
            change_rules(campaign_id=campaign.pk, based_on=1, rules=rules, author="test", reason="test")
    rules = make_rules(activity=activity, envelope_fen=100_001)
    change_rules(campaign_id=campaign.pk, based_on=1, rules=rules, author="test", reason="test")
