"""The demo's offers: several sizes, prices and windows, and repeatable."""

import pytest

from pgs_data.clock import database_now
from pgs_web.display.activity.demo import OFFERS, create_demo_activities, demo_activities
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import approve_activity, end_activity, start_due_activities
from pgs_web.display.product.demo.loading import load_demo_catalogue

pytestmark = pytest.mark.django_db(databases="__all__")


def test_sizes_prices_and_windows_differ():
    now = database_now("default")
    rules = [rule for _offer, rule in demo_activities(now)]
    assert {rule.group_size for rule in rules} == {1, 2, 3, 5, 10}
    assert len({rule.price_fen for rule in rules}) > 15
    assert any(rule.starts_at > now for rule in rules)
    assert any(rule.starts_at == now and (rule.ends_at - now).total_seconds() <= 240 for rule in rules)
    assert len({(offer.sku, offer.title) for offer in OFFERS}) == len(OFFERS)


def test_every_offer_waits_for_approval_once():
    load_demo_catalogue()
    waiting = create_demo_activities()
    assert len(waiting) == len(OFFERS) == Activity.objects.count()
    assert {activity.state for activity in waiting} == {"IN_REVIEW"}
    # Somebody else's approval, as the back office demands it.
    assert {activity.pk for activity in create_demo_activities()} == {activity.pk for activity in waiting}
    for activity in waiting:
        approve_activity(activity_id=activity.pk, actor="demo")
    assert create_demo_activities() == []
    assert Activity.objects.count() == len(OFFERS)


def test_an_offer_that_is_over_is_made_anew():
    load_demo_catalogue()
    for activity in create_demo_activities():
        approve_activity(activity_id=activity.pk, actor="demo")
    started = start_due_activities()
    end_activity(activity_id=started[0], actor="ops")
    (again,) = create_demo_activities()
    assert again.pk not in started
