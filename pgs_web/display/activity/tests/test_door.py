"""The door of an activity's state: the table, the log, who may approve, and who of several at once goes through."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import QuerySet

from pgs_data.clock import database_now
from pgs_web.api.errors import NotFound, Refusal
from pgs_web.display.activity.errors import ActivityOutdated, ActivityTooLate, SameReviewer, WrongActivityState
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.display.activity.services import (
    approve_activity,
    end_activity,
    move_activity,
    pause_activity,
    resume_activity,
    return_to_draft,
    submit_for_review,
    update_rules,
    withdraw_activity,
)
from pgs_web.display.activity.services.door import Move
from pgs_web.display.activity.states import MOVES, ActivityState
from pgs_web.display.activity.tests.making import make_activity, make_running

ALL_STATES = list(ActivityState)


def state_of(activity):
    return Activity.objects.values_list("state", flat=True).get(pk=activity.pk)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("old", ALL_STATES)
@pytest.mark.parametrize("to", ALL_STATES)
def test_only_the_moves_of_the_table_are_made(old, to):
    activity = make_activity(state=old)
    logs = activity.logs.count()
    if old == to:
        assert not move_activity(activity_id=activity.pk, move=Move(to=to), actor="me")
    elif to in MOVES[old]:
        assert move_activity(activity_id=activity.pk, move=Move(to=to), actor="me", reason="why")
        log = activity.logs.latest("id")
        assert (log.from_state, log.to_state, log.actor, log.reason) == (old, to, "me", "why")
        assert state_of(activity) == to
        return
    else:
        with pytest.raises(WrongActivityState):
            move_activity(activity_id=activity.pk, move=Move(to=to), actor="me")
    assert state_of(activity) == old
    assert activity.logs.count() == logs


@pytest.mark.django_db(databases="__all__")
def test_an_unknown_activity_is_not_found():
    with pytest.raises(NotFound):
        pause_activity(activity_id=987_654, actor="me")
    with pytest.raises(NotFound):
        submit_for_review(activity_id=987_654, actor="me")


@pytest.mark.django_db(databases="__all__")
def test_the_whole_way():
    activity = make_activity()
    assert submit_for_review(activity_id=activity.pk, actor="author")
    assert return_to_draft(activity_id=activity.pk, actor="reviewer", reason="price?")
    assert submit_for_review(activity_id=activity.pk, actor="author")
    assert approve_activity(activity_id=activity.pk, actor="reviewer")
    assert not approve_activity(activity_id=activity.pk, actor="reviewer")
    assert pause_activity(activity_id=activity.pk, actor="ops")
    assert resume_activity(activity_id=activity.pk, actor="ops")
    assert state_of(activity) == "SCHEDULED"
    assert withdraw_activity(activity_id=activity.pk, actor="ops", reason="recall")
    logs = list(activity.logs.order_by("id").values_list("from_state", "to_state"))
    assert len(logs) == 8
    assert all(before[1] == after[0] for before, after in pairwise(logs))


@pytest.mark.django_db(databases="__all__")
def test_resumed_after_its_start_it_runs_and_ends():
    activity = make_running()
    assert pause_activity(activity_id=activity.pk, actor="ops")
    assert not pause_activity(activity_id=activity.pk, actor="ops")
    assert resume_activity(activity_id=activity.pk, actor="ops")
    assert not resume_activity(activity_id=activity.pk, actor="ops")
    assert state_of(activity) == "RUNNING"
    assert end_activity(activity_id=activity.pk, actor="ops")
    with pytest.raises(WrongActivityState):
        resume_activity(activity_id=activity.pk, actor="ops")


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("state", [ActivityState.DRAFT, ActivityState.IN_REVIEW])
def test_resuming_is_no_way_round_the_review(state):
    activity = make_activity(state=state)
    with pytest.raises(WrongActivityState):
        resume_activity(activity_id=activity.pk, actor="author")
    assert state_of(activity) == state


@pytest.mark.django_db(databases="__all__")
def test_who_submitted_does_not_approve_unless_it_is_allowed():
    activity = make_activity()
    submit_for_review(activity_id=activity.pk, actor="author")
    with pytest.raises(SameReviewer):
        approve_activity(activity_id=activity.pk, actor="author")
    assert state_of(activity) == "IN_REVIEW"
    assert approve_activity(activity_id=activity.pk, actor="author", allow_same_person=True)


@pytest.mark.django_db(databases="__all__")
def test_an_approver_of_a_draft_is_refused():
    activity = make_activity()
    with pytest.raises(WrongActivityState):
        approve_activity(activity_id=activity.pk, actor="reviewer")


@pytest.mark.django_db(databases="__all__")
def test_a_window_that_is_over_is_not_approved():
    now = database_now("default")
    activity = make_activity(starts_at=now - timedelta(hours=2), ends_at=now - timedelta(seconds=1))
    submit_for_review(activity_id=activity.pk, actor="author")
    with pytest.raises(ActivityTooLate):
        approve_activity(activity_id=activity.pk, actor="reviewer")


@pytest.mark.django_db(databases="__all__")
def test_the_reviewer_approves_what_they_saw():
    activity = make_activity()
    submit_for_review(activity_id=activity.pk, actor="author")
    return_to_draft(activity_id=activity.pk, actor="author", reason="")
    update_rules(activity_id=activity.pk, changes={"price_fen": 1}, actor="author")
    submit_for_review(activity_id=activity.pk, actor="author")
    with pytest.raises(ActivityOutdated):
        approve_activity(activity_id=activity.pk, actor="reviewer", rules_version=1)
    assert approve_activity(activity_id=activity.pk, actor="reviewer", rules_version=2)


@pytest.mark.django_db(databases="__all__")
def test_rules_that_became_wrong_are_not_submitted():
    activity = make_activity()
    activity.sku.price_fen = activity.alone_price_fen - 1
    activity.sku.save()
    with pytest.raises(ValidationError) as caught:
        submit_for_review(activity_id=activity.pk, actor="author")
    assert set(caught.value.message_dict) == {"alone_price_fen"}


@pytest.mark.django_db(databases="__all__")
def test_what_was_read_before_somebody_elses_move_is_not_written(monkeypatch):
    """A read that is out of date at once: the UPDATE must not find the row in the state that was read."""
    activity = make_running()
    stale = Activity.objects.get(pk=activity.pk)
    Activity.objects.filter(pk=activity.pk).update(state=ActivityState.ENDED)
    real_first, answers = QuerySet.first, [stale]
    monkeypatch.setattr(QuerySet, "first", lambda rows: answers.pop() if answers else real_first(rows))
    with pytest.raises(WrongActivityState, match="activity_wrong_state"):
        pause_activity(activity_id=activity.pk, actor="ops")
    assert not answers
    assert state_of(activity) == "ENDED"
    assert not ActivityLog.objects.filter(to_state="PAUSED").exists()


@pytest.mark.django_db(databases="__all__")
def test_long_names_are_cut_and_compared_cut():
    activity = make_activity()
    submit_for_review(activity_id=activity.pk, actor="长" * 150)
    with pytest.raises(SameReviewer):
        approve_activity(activity_id=activity.pk, actor="长" * 150)
    assert activity.logs.latest("id").actor == "长" * 80


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_of_many_at_once_each_move_follows_the_one_before():
    activity = make_running()
    barrier = threading.Barrier(8)
    acts = [
        lambda: pause_activity(activity_id=activity.pk, actor="a"),
        lambda: end_activity(activity_id=activity.pk, actor="b"),
        lambda: withdraw_activity(activity_id=activity.pk, actor="c", reason=""),
        lambda: resume_activity(activity_id=activity.pk, actor="d"),
    ] * 2

    def act(number):
        try:
            barrier.wait()
            return acts[number]()
        except Refusal:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(act, range(8)))
    logs = list(activity.logs.order_by("id").values_list("from_state", "to_state"))[1:]
    assert len(logs) == made >= 1
    chain = [("", "RUNNING"), *logs]
    assert all(before[1] == after[0] for before, after in pairwise(chain))
    assert all(ActivityState(to) in MOVES[ActivityState(old)] for old, to in logs)
    assert sum(to in {"ENDED", "WITHDRAWN"} for _old, to in logs) == 1
    assert state_of(activity) == logs[-1][1]
