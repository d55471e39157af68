"""Surcharges that weren't paid in time: gateways that say nothing keep nobody waiting but their own shoppers."""

from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from pgs_task.payment.services import CloseReport
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.services import advance_rescues, advancing, buying_alone, end_overdue_surcharges
from pgs_task.rescue.tests.making import make_rescues_due, rescue_of
from pgs_task.rescue.tests.surcharges import make_asked, make_offer

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


class SilentGateways:
    """Each question lasts until the run is over, by a clock that nobody else reads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked: list[int] = []

    def monotonic(self) -> float:
        return self.seconds

    def close(self, *, order_ids: list[int]) -> CloseReport:
        self.seconds += advancing.RUN_SECONDS
        self.asked += order_ids
        return CloseReport(unknown=list(order_ids))


@pytest.fixture
def silent(monkeypatch):
    gateways = SilentGateways()
    monkeypatch.setattr(advancing, "time", SimpleNamespace(monotonic=gateways.monotonic))
    with patch.object(buying_alone, "close_open_payments", gateways.close):
        yield gateways


def test_who_waits_for_another_place_waits_for_no_gateway(silent):
    order = make_asked(make_offer())
    make_rescues_due(overdue=True)
    assert not advance_rescues()
    assert (silent.asked, rescue_of(order).state) == ([], "ASKING")


def test_a_run_ends_though_gateways_are_silent_and_the_next_goes_on_with_the_others(silent):
    activity = make_offer()
    # Two on one node, one on another.
    orders = [make_asked(activity, member_id=member_id) for member_id in (1, 2, 251)]
    make_rescues_due(overdue=True)
    for _run in orders:
        assert end_overdue_surcharges() == {"ASKING": 1}
        for order in orders:
            # The leases of those that were picked and not reached are over; who was asked about isn't due yet.
            waits = timedelta(hours=order.pk in silent.asked)
            Rescue.objects.filter(order_id=order.pk).update(next_try_at=rescue_of(order).decide_by + waits)
    assert sorted(silent.asked) == sorted(order.pk for order in orders)
