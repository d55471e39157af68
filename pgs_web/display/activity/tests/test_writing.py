"""Changing the rules of an activity: versions, log, and what can't be changed any more."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from pgs_web.api.errors import NotFound
from pgs_web.display.activity.errors import ActivityOutdated, WrongActivityState
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import update_rules
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.activity.tests.making import NOON, make_activity, make_running

pytestmark = pytest.mark.django_db(databases="__all__")


def change(activity, *, version=None, **changes):
    return update_rules(activity_id=activity.pk, changes=changes, actor="editor", rules_version=version)


def test_a_change_raises_the_version_and_is_logged():
    activity = make_running()
    answer = change(activity, price_fen=5_000, group_size=3)
    activity.refresh_from_db()
    assert (activity.price_fen, activity.group_size, activity.rules_version) == (5_000, 3, 2)
    assert (answer.price_fen, answer.rules_version) == (5_000, 2)
    log = activity.logs.latest("id")
    assert (log.from_state, log.to_state, log.actor) == ("RUNNING", "RUNNING", "editor")
    assert log.reason == "group_size: 2 → 3; price_fen: 6000 → 5000"


def test_the_same_again_changes_nothing():
    activity = make_running()
    change(activity, price_fen=5_000)
    change(activity, price_fen=5_000)
    activity.refresh_from_db()
    assert activity.rules_version == 2
    assert activity.logs.filter(actor="editor").count() == 1


@pytest.mark.parametrize("state", [ActivityState.IN_REVIEW, ActivityState.ENDED, ActivityState.WITHDRAWN])
def test_under_review_and_over_nothing_is_changed(state):
    activity = make_activity(state=state)
    with pytest.raises(WrongActivityState):
        change(activity, price_fen=5_000)
    activity.refresh_from_db()
    assert (activity.price_fen, activity.rules_version) == (6_000, 1)


def test_stock_and_play_are_fixed_once_approved():
    draft, approved = make_activity(), make_activity(state=ActivityState.SCHEDULED)
    change(draft, stock_total=11, play="bargain")
    for field, value in (("stock_total", 11), ("play", "bargain")):
        with pytest.raises(ValidationError) as caught:
            change(approved, **{field: value})
        assert set(caught.value.message_dict) == {field}


def test_the_start_moves_until_it_has_come():
    change(make_activity(state=ActivityState.SCHEDULED), starts_at=NOON - timedelta(hours=1))
    with pytest.raises(ValidationError) as caught:
        change(make_running(), starts_at=NOON)
    assert "starts_at" in caught.value.message_dict


def test_wrong_rules_are_refused_by_field():
    activity = make_running()
    with pytest.raises(ValidationError) as caught:
        change(activity, price_fen=10_001)
    assert set(caught.value.message_dict) == {"price_fen"}
    activity.refresh_from_db()
    assert activity.rules_version == 1


def test_an_editor_who_saw_an_older_version_is_told():
    activity = make_running()
    change(activity, price_fen=5_000, version=1)
    with pytest.raises(ActivityOutdated):
        change(activity, price_fen=4_000, version=1)
    activity.refresh_from_db()
    assert activity.price_fen == 5_000


def test_an_edit_that_was_read_too_early_starts_over(monkeypatch):
    """Two edits of different rules at once: the later one must not write on top of a version it did not see."""
    activity = make_running()
    stale = Activity.objects.select_related("sku__product__merchant").get(pk=activity.pk)
    change(activity, price_fen=5_000)
    real_first, answers = QuerySet.first, [stale]
    monkeypatch.setattr(QuerySet, "first", lambda rows: answers.pop() if answers else real_first(rows))
    change(activity, group_size=4)
    activity.refresh_from_db()
    assert not answers
    assert (activity.price_fen, activity.group_size, activity.rules_version) == (5_000, 4, 3)


def test_an_unknown_activity_is_not_found():
    with pytest.raises(NotFound):
        update_rules(activity_id=987_654, changes={}, actor="editor")
