"""Groups that lost minutes to an incident get them once, in the database and in the ledger."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import DatabaseNow, database_now, to_ms
from pgs_data.messaging.errors import RetryLater
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id
from pgs_task.group_expiry.services import (
    cancel_overdue_orders,
    end_withdrawn_groups,
    extend_groups_of_incidents,
    fail_overdue_groups,
)
from pgs_task.handlers.groups import handle_group_extended
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.handlers.tests.test_handlers import WITHOUT_PAYMENT
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.keys import groups_key
from pgs_web.trade.group.models import DeadlineExtension, Group, GroupExtension, GroupLog
from pgs_web.trade.group.scripts import GroupOfActivity, extend_groups
from pgs_web.trade.group.services import ask_extension, ending, extending, fail_expired_groups, settle_guarantees
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.group.tests.in_ledger import change_group, lose_group, make_old, read_group
from pgs_web.trade.group.tests.making import make_group
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.tests.making import make_order
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def ask(*, minutes: int = 30, ago: timedelta = 10 * MINUTE, lasted: timedelta = 10 * MINUTE, **options):
    began = database_now("default") - ago
    options = {"reason": "gateway down", "actor": "operator:1", **options}
    return ask_extension(from_at=began, to_at=began + lasted, minutes=minutes, **options)


def open_group(*, opened: timedelta = -20 * MINUTE, lasts: timedelta = HOUR, **options) -> Group:
    group = make_group(lasts=lasts, **options)
    Group.objects.filter(pk=group.pk).update(opened_at=database_now(alias_of_id(group.pk)) + opened)
    group.refresh_from_db()
    return group


def gained(*groups: Group) -> list[timedelta]:
    """By how much the deadlines have moved since the rows were read."""
    return [Group.objects.get(pk=group.pk).deadline - group.deadline for group in groups]


def test_who_was_running_in_the_incident_gets_the_minutes_once():
    running = [open_group(slot=slot) for slot in (0, 25, 50)]
    just_opened = open_group(opened=-5 * MINUTE)
    about_to_end, later = open_group(lasts=-MINUTE), open_group(opened=5 * MINUTE)
    failed = open_group()
    ending.fail_group(group_id=failed.pk, reason=FailReason.RISK, actor="test")
    extension = ask()
    for _ in range(3):
        extend_groups_of_incidents()
    assert gained(*running, just_opened, about_to_end) == [30 * MINUTE] * 5
    assert gained(later, failed) == [timedelta()] * 2
    log = GroupLog.objects.filter(group_id=running[0].pk).order_by("sequence").last()
    assert (log.from_state, log.to_state, log.reason, log.actor) == ("FORMING", "FORMING", "extended", "operator:1")
    mark = GroupExtension.objects.get(group_id=running[0].pk)
    assert (mark.extension_id, mark.old_deadline) == (extension.pk, running[0].deadline)
    assert mark.new_deadline == running[0].deadline + 30 * MINUTE
    assert fail_expired_groups() == 0
    ending.fail_group(group_id=running[0].pk, reason=FailReason.RISK, actor="test")
    sequences = GroupLog.objects.filter(group_id=running[0].pk).order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == [1, 2, 3]


def test_one_activity_or_all_and_another_incident_counts_for_itself():
    mine, other = open_group(activity_id=make_sale().pk), open_group(activity_id=2)
    ask(activity_id=mine.activity_id)
    ask(minutes=5)
    extend_groups_of_incidents()
    assert gained(mine, other) == [35 * MINUTE, 5 * MINUTE]


def test_a_job_that_dies_is_gone_on_with(monkeypatch):
    groups = [open_group(slot=slot) for slot in (0, 0, 25, 50)]
    ask()
    real, told = extending.append_messages, []

    def tell_or_die(drafts):
        told.append(1)
        if len(told) == 2:
            raise KeyboardInterrupt
        real(drafts)

    monkeypatch.setattr(extending, "append_messages", tell_or_die)
    with pytest.raises(KeyboardInterrupt):
        extend_groups_of_incidents()
    assert sorted(gained(*groups)) == [timedelta()] * 2 + [30 * MINUTE] * 2
    extend_groups_of_incidents()
    assert gained(*groups) == [30 * MINUTE] * 4
    assert [message.topic for message in waiting_messages()] == ["group.extended"] * 4


def test_without_the_mark_it_would_be_given_twice():
    """The negative control: what another worker had found before is given again once its mark is gone."""
    group = open_group()
    extension = ask()
    extend_groups_of_incidents()
    assert extending._extend(alias_of_id(group.pk), [group.pk], extension) == 0
    GroupExtension.objects.filter(group_id=group.pk).delete()
    assert extending._extend(alias_of_id(group.pk), [group.pk], extension) == 1
    assert gained(group) == [60 * MINUTE]


def test_an_extension_is_open_until_nothing_can_come_any_more():
    extension = ask()
    extend_groups_of_incidents()
    late = open_group()
    DeadlineExtension.objects.update(until=DatabaseNow())
    done = []
    for _ in range(2):
        extend_groups_of_incidents()
        extension.refresh_from_db()
        done.append(extension.done_at is not None)
    assert done == [False, True], "one of its groups was found: it is looked at once more"
    assert gained(late) == [30 * MINUTE]


def test_a_group_that_was_found_expired_and_then_extended_does_not_fail(monkeypatch):
    group = open_group(lasts=-5 * MINUTE)
    found = ending.expired_groups(alias_of_id(group.pk), limit=10)
    assert found == [group.pk]
    ask()
    extend_groups_of_incidents()
    assert ending._end_expired(alias_of_id(group.pk), found) == 0
    assert Group.objects.get(pk=group.pk).state == "FORMING"
    # The negative control: who believes what was found fails it.
    monkeypatch.setattr(ending, "is_over", lambda _group, *, now: True)
    assert ending._end_expired(alias_of_id(group.pk), found) == 1


@pytest.fixture
def sold() -> tuple[Activity, int]:
    """An activity and a group in the ledger whose time is over there."""
    activity = make_sale(stock=10, group_size=3)
    opening = make_admission(activity, member_id=10)
    admit(opening)
    now = to_ms(datetime.now(UTC))
    change_group(activity.pk, opening.open_group_id, opened_ms=now - 7_200_000, deadline_ms=now - 1000)
    return activity, opening.open_group_id


def move(activity: Activity, group_id: int, deadline_ms: int) -> int:
    return extend_groups(deadlines={GroupOfActivity(activity_id=activity.pk, group_id=group_id): deadline_ms})


@pytest.mark.parametrize("kept", ["packed", "old"])
def test_shoppers_join_until_the_new_deadline(sold, kept):
    activity, group_id = sold
    key = (
        groups_key(activity_id=activity.pk, group_id=group_id) if kept == "packed" else make_old(activity.pk, group_id)
    )
    client = ledger(partition_of(activity.pk))
    joining = make_admission(activity, member_id=20, join=group_id)
    assert [verdict.reply for verdict in admit(joining)] == [AdmitReply.GROUP_CLOSED]
    deadline = to_ms(datetime.now(UTC)) + 600_000
    client.pexpireat(key, deadline)
    assert (move(activity, group_id, deadline), move(activity, group_id, deadline)) == (1, 0)
    assert move(activity, group_id, deadline - 5000) == 0, "an older message that comes later"
    assert client.pexpiretime(key) == deadline + 172_800_000
    assert [verdict.reply for verdict in admit(joining)] == [AdmitReply.ADMITTED]
    assert read_group(activity.pk, group_id).deadline_ms == deadline


def test_a_closed_group_stays_closed_and_a_lost_one_lost(sold):
    activity, group_id = sold
    change_group(activity.pk, group_id, is_closed=True)
    assert move(activity, group_id, to_ms(datetime.now(UTC)) + 600_000) == 1
    joining = make_admission(activity, member_id=20, join=group_id)
    assert [verdict.reply for verdict in admit(joining)] == [AdmitReply.GROUP_CLOSED]
    lose_group(activity.pk, group_id)
    assert move(activity, group_id, to_ms(datetime.now(UTC)) + 900_000) == 0


def test_the_ledger_follows_through_the_outbox(sold):
    activity, group_id = sold
    group = open_group(activity_id=activity.pk, group_id=group_id, lasts=-timedelta(seconds=1), slot=0)
    ask(activity_id=activity.pk, minutes=5)
    ask(activity_id=activity.pk, minutes=7)
    extend_groups_of_incidents()
    messages = [message for message in waiting_messages() if message.topic == "group.extended"]
    handle_group_extended(messages)
    assert read_group(activity.pk, group_id).deadline_ms == to_ms(group.deadline + 12 * MINUTE)
    deliver_all(WITHOUT_PAYMENT)
    assert waiting_messages() == []


def test_a_ledger_that_is_away_is_told_later(sold, monkeypatch):
    activity, group_id = sold

    def away(*, deadlines):
        raise ConnectionError("away")

    open_group(activity_id=activity.pk, group_id=group_id, slot=0)
    ask()
    extend_groups_of_incidents()
    monkeypatch.setattr("pgs_task.handlers.groups.extend_groups", away)
    monkeypatch.setattr("pgs_task.handlers.batches.is_outage", lambda error: isinstance(error, ConnectionError))
    with pytest.raises(RetryLater):
        handle_group_extended(waiting_messages())


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"lasted": timedelta()}, "to_at"),
        ({"lasted": 11 * MINUTE}, "to_at"),
        ({"ago": timedelta(days=3), "lasted": timedelta(days=1, seconds=1)}, "to_at"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"activity_id": 404}, "activity_id"),
    ],
)
def test_what_is_no_incident_is_refused(options, field):
    with pytest.raises(ValidationError) as refused:
        ask(**options)
    assert set(refused.value.message_dict) == {field}
    assert not DeadlineExtension.objects.exists()


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_workers_clock_an_hour_off_ends_and_extends_nothing_wrongly(off):
    """The negative control stands in test_deadlines.py: with the worker's own clock the same jump ends an order."""
    group, order, ended = open_group(lasts=30 * MINUTE), make_order(), open_group(lasts=-30 * MINUTE)
    ask(minutes=5, activity_id=make_sale().pk)
    with time_machine.travel(datetime.now(UTC) + off, tick=True):
        assert cancel_overdue_orders() == end_withdrawn_groups() == extend_groups_of_incidents() == 0
        settle_guarantees()
        assert fail_overdue_groups() == 1
    states = [
        type(row)._base_manager.on_node(alias_of_id(row.pk)).get(pk=row.pk).state for row in (group, order, ended)
    ]
    assert states == ["FORMING", "UNPAID", "FAILED"]
    assert DeadlineExtension.objects.get().done_at is None


def test_extending_in_a_batch_costs_a_constant_number_of_queries():
    def queries(number: int) -> int:
        groups = [open_group(slot=0) for _ in range(number)]
        ask()
        with CaptureQueriesContext(connections["node0"]) as captured:
            extending.extend_due_groups()
        assert gained(*groups) == [30 * MINUTE] * number
        DeadlineExtension.objects.all().delete()
        return len(captured)

    assert queries(2) == queries(10)
