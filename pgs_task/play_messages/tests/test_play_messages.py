"""Games hear what happened behind the core; one that fails or is gone holds up nobody, and loses nothing."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from structlog.testing import capture_logs

from config.celery import app, log_gone_job
from pgs_data.clock import database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.outbox import append_message
from pgs_data.messaging.relay import Relay
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.play_messages import services
from pgs_task.play_messages.gone_jobs import forget_gone_jobs
from pgs_task.play_messages.models import SetAsideMessage
from pgs_task.play_messages.routes import with_plays
from pgs_task.play_messages.services import forget_messages, return_messages
from pgs_task.reconciliation.runner import all_checks, judge
from pgs_task.schedule import all_jobs, beat_entries
from pgs_task.tasks import run_job
from pgs_web.plays.tests.cards.play import failing, told

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
CARDS = ["pgs_web.plays.tests.cards"]
ORDER = 5 << 57 | 12345
NODE = alias_of_id(ORDER)


@pytest.fixture(autouse=True)
def _nothing_told():
    told.clear()
    failing.clear()


@pytest.fixture
def _on(settings):
    settings.PLAYS = CARDS


def say(topic: str, **payload) -> None:
    with node_transaction(ORDER):
        append_message(topic=topic, shard_key=ORDER, payload={"order_id": ORDER, **payload})


def relay(core=None):
    one = Relay(NODE, with_plays(core or routes_of_core()))
    try:
        return one.run_once()
    finally:
        one.release()


def routes_of_core(handled=None):
    seen = [] if handled is None else handled
    topics = ("order.unpaid", "order.paid", "order.cancelled", "order.refunded", "group.succeeded", "group.failed")
    return {topic: lambda messages: seen.extend(message.topic for message in messages) for topic in topics}


def test_no_game_no_cost(settings):
    settings.PLAYS = []
    core = routes_of_core()
    routes = with_plays(core)
    assert {topic: routes[topic] for topic in core} == core
    assert set(routes) - set(core) == {"play.*"}


@pytest.mark.usefixtures("_on")
def test_a_hook_is_called_behind_the_core():
    handled: list[str] = []
    core = routes_of_core(handled)
    say("order.paid")
    relay(core)
    assert (handled, told) == (["order.paid"], [("paid", [ORDER])])
    # Topics that the game doesn't listen to keep the core's very handler.
    assert with_plays(core)["order.cancelled"] is core["order.cancelled"]
    assert not OutboxMessage.objects.on_node(NODE).exists()


@pytest.mark.usefixtures("_on")
def test_what_a_hook_fails_with_comes_again_for_this_game_alone():
    failing.append(ZeroDivisionError("a bug"))
    handled: list[str] = []
    say("order.paid")
    assert relay(routes_of_core(handled)).failed == 0
    assert OutboxMessage.objects.on_node(NODE).get().topic == "play.cards.on_order_paid"
    relay(routes_of_core(handled))
    assert (handled, told) == (["order.paid"], [("paid", [ORDER])])


@pytest.mark.usefixtures("_on")
def test_a_game_gets_its_own_messages():
    say("play.cards.card", card=7)
    relay()
    assert told == [("card", [7])]


def test_messages_of_a_gone_game_wait_until_it_is_back(settings):
    # Games that are on would hear of the order, which says too little for them.
    settings.PLAYS = []
    say("play.cards.card", card=7)
    say("play.other.thing", card=8)
    say("order.paid")
    report = relay()
    assert (report.sent, report.unrouted) == (3, 0)
    rows = SetAsideMessage.objects.on_node(NODE).order_by("id")
    assert [(row.code, row.topic, row.payload["card"]) for row in rows] == [
        ("cards", "play.cards.card", 7),
        ("other", "play.other.thing", 8),
    ]
    assert return_messages() == 0
    settings.PLAYS = CARDS
    assert return_messages() == 1
    assert return_messages() == 0
    relay()
    assert told == [("card", [7])]
    assert [row.code for row in SetAsideMessage.objects.on_node(NODE)] == ["other"]


@pytest.mark.usefixtures("_on")
def test_what_a_game_doesnt_take_any_more_waits_instead_of_circling():
    # A message and a hook that an earlier version of the game had.
    for topic in ("play.cards.old_card", "play.cards.on_order_cancelled"):
        say(topic)
    relay()
    assert SetAsideMessage.objects.on_node(NODE).count() == 2
    assert return_messages() == 0
    assert not OutboxMessage.objects.on_node(NODE).exists()


def test_a_node_that_is_away_holds_up_no_other(settings, monkeypatch):
    say("play.cards.card", card=7)
    relay()
    settings.PLAYS = CARDS
    away, return_there = node_aliases()[-1], services._return_on_node

    def return_unless_away(alias: str, topics: list[str]) -> int:
        if alias == away:
            raise OperationalError(2003, "away")
        return return_there(alias, topics)

    monkeypatch.setattr(services, "node_aliases", lambda: [away, NODE])
    monkeypatch.setattr(services, "_return_on_node", return_unless_away)
    with pytest.raises(OperationalError):
        return_messages()
    assert not SetAsideMessage.objects.on_node(NODE).exists()


def test_a_message_set_aside_twice_is_one_row():
    say("play.gone.thing")
    relay()
    row = SetAsideMessage.objects.on_node(NODE).get()
    # As if the relay had died before it deleted the message.
    now = database_now(NODE) - timedelta(seconds=1)
    OutboxMessage.objects.on_node(NODE).bulk_create(
        [
            OutboxMessage(
                id=row.outbox_id,
                shard_key=ORDER,
                topic=row.topic,
                payload=row.payload,
                created_at=now,
                available_at=now,
            )
        ]
    )
    relay()
    assert SetAsideMessage.objects.on_node(NODE).count() == 1
    assert not OutboxMessage.objects.on_node(NODE).exists()


def test_what_was_set_aside_is_kept_for_long_and_then_goes():
    for _ in range(2):
        say("play.gone.thing")
    relay()
    first, _second = SetAsideMessage.objects.on_node(NODE).order_by("pk")
    assert forget_messages() == 0
    before = database_now(NODE) - services.KEEP - timedelta(seconds=1)
    SetAsideMessage.objects.on_node(NODE).filter(pk=first.pk).update(created_at=before)
    assert (forget_messages(), forget_messages()) == (1, 0)
    assert SetAsideMessage.objects.on_node(NODE).count() == 1


def test_jobs_and_checks_come_with_the_game_and_go_with_it(settings):
    every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.SECONDS)
    for name in ("sync_stock", "cards.deal"):
        PeriodicTask.objects.create(name=name, task=f"clock.{name}", interval=every)
    PeriodicTask.objects.create(name="by hand", task="somebody.elses", interval=every)
    settings.PLAYS = CARDS
    assert forget_gone_jobs() == []
    assert "cards.deal" in beat_entries()
    assert run_job(next(job for job in all_jobs() if job.name == "cards.deal")) == "dealt"
    check = next(check for check in all_checks() if check.id == "cards.lost")
    assert (check.when, judge(check).offenders) == ("A", ["card 7: lost"])
    settings.PLAYS = []
    assert "cards.deal" not in beat_entries()
    assert forget_gone_jobs() == ["cards.deal"]
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"sync_stock", "by hand"}


def test_an_order_for_a_gone_job_is_dropped_with_a_line():
    with capture_logs() as logs:
        log_gone_job(name="clock.cards.deal")
    assert [(line["event"], line["job"]) for line in logs] == [("job_is_gone", "clock.cards.deal")]
    assert "clock.cards.deal" not in app.tasks
