"""Two workers extend the same groups, or one extends what another is about to fail."""

from datetime import timedelta
from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.group.models import DeadlineExtension, Group, GroupExtension, GroupLog
from pgs_web.trade.group.services import ask_extension, extend_due_groups, fail_expired_groups
from pgs_web.trade.group.tests.making import make_group
from tests.races.meeting import meet

ROUNDS = 8
MINUTE = timedelta(minutes=1)
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def test_two_workers_extend_once_and_against_the_clock_one_of_them_wins():
    for _ in range(ROUNDS):
        # The last round's is still open.
        DeadlineExtension.objects.all().delete()
        now = database_now("default")
        running = [make_group(slot=0) for _ in range(3)]
        over = make_group(slot=0, lasts=-5 * MINUTE)
        Group.objects.on_node(alias_of_id(over.pk)).update(opened_at=now - 20 * MINUTE)
        ask_extension(from_at=now - 10 * MINUTE, to_at=now, minutes=30, reason="gateway down", actor="operator:1")
        meet(*[partial(extend_due_groups, limit=10)] * 2, fail_expired_groups)
        for group in running:
            assert Group.objects.get(pk=group.pk).deadline - group.deadline == 30 * MINUTE
            assert GroupExtension.objects.filter(group_id=group.pk).count() == 1
        after = Group.objects.get(pk=over.pk)
        is_extended = GroupExtension.objects.filter(group_id=over.pk).exists()
        assert (after.state, after.deadline - over.deadline) == (
            ("FORMING", 30 * MINUTE) if is_extended else ("FAILED", timedelta())
        )
        assert GroupLog.objects.filter(group_id=over.pk).count() == after.log_count == 2
        Group.objects.on_node(alias_of_id(over.pk)).update(state="SUCCEEDED")
