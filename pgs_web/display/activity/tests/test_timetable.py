"""What the clock does: only what is due, both ends of the window, logs, and never twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.display.activity.services import end_due_activities, start_due_activities
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.activity.tests.making import make_activity, make_sku


def make_window(state, starts_in, ends_in, sku=None):
    now = database_now("default")
    return make_activity(
        state=state,
        sku=sku,
        starts_at=now + timedelta(seconds=starts_in),
        ends_at=now + timedelta(seconds=ends_in),
    )


@pytest.mark.django_db(databases="__all__")
def test_only_what_is_due_starts():
    due = make_window(ActivityState.SCHEDULED, 0, 60)
    for state, starts_in in (("SCHEDULED", 30), ("DRAFT", -5), ("IN_REVIEW", -5), ("PAUSED", -5), ("WITHDRAWN", -5)):
        make_window(ActivityState(state), starts_in, 60)
    assert start_due_activities() == [due.pk]
    assert start_due_activities() == []
    assert list(Activity.objects.filter(state="RUNNING").values_list("id", flat=True)) == [due.pk]
    log = due.logs.latest("id")
    assert (log.from_state, log.to_state, log.actor) == ("SCHEDULED", "RUNNING", "clock")


@pytest.mark.django_db(databases="__all__")
def test_only_what_is_due_ends_paused_ones_too():
    running = make_window(ActivityState.RUNNING, -60, -2)
    paused = make_window(ActivityState.PAUSED, -60, -1)
    for state, ends_in in (("RUNNING", 30), ("PAUSED", 30), ("SCHEDULED", -1), ("WITHDRAWN", -1)):
        make_window(ActivityState(state), -60, ends_in)
    assert end_due_activities() == [running.pk, paused.pk]
    assert end_due_activities() == []
    logs = ActivityLog.objects.filter(to_state="ENDED").order_by("id").values_list("activity_id", "from_state")
    assert list(logs) == [(running.pk, "RUNNING"), (paused.pk, "PAUSED")]


@pytest.mark.django_db(databases="__all__")
def test_slept_over_its_whole_window_it_starts_and_ends():
    activity = make_window(ActivityState.SCHEDULED, -60, -1)
    assert start_due_activities() == [activity.pk]
    assert end_due_activities() == [activity.pk]


@pytest.mark.django_db(databases="__all__")
def test_many_cost_the_same_statements_and_the_limit_holds():
    sku = make_sku()
    first, *rest = [make_window(ActivityState.SCHEDULED, -90 + number, 60, sku) for number in range(9)]
    with CaptureQueriesContext(connections["default"]) as one:
        assert start_due_activities(limit=1) == [first.pk]
    with CaptureQueriesContext(connections["default"]) as many:
        assert start_due_activities(limit=100) == [activity.pk for activity in rest]
    assert len(one) == len(many)


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_several_beats_at_once_start_each_activity_once():
    sku = make_sku()
    ids = {make_window(ActivityState.SCHEDULED, -5, 60, sku).pk for _number in range(12)}
    barrier = threading.Barrier(4)

    def beat(_number):
        try:
            barrier.wait()
            return start_due_activities()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        started = [activity_id for batch in pool.map(beat, range(4)) for activity_id in batch]
    started += start_due_activities()
    assert sorted(started) == sorted(ids)
    assert ActivityLog.objects.filter(to_state="RUNNING").count() == 12
