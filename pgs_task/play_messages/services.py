"""Messages for games: told behind the core's part, kept for a game that can't take them, set aside for a gone one."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import OperationalError

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_data.messaging.relay import Handler, Message
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.play_messages.models import SetAsideMessage
from pgs_web.plays.contract import HOOKS, Play, code_of_topic
from pgs_web.plays.registry import all_plays

MESSAGES_A_TRANSACTION = 500
# A game that hasn't come back by then is gone for good, and so is what was meant for it.
KEEP = timedelta(days=400)

log = structlog.get_logger(__name__)


def routes_of_play(play: Play) -> dict[str, Handler]:
    """Topic → handler of the game's own messages, and of those that a hook of it couldn't do at once."""
    own = {play.topic(name): handler for name, handler in play.handlers.items()}
    return {**own, **{play.topic(hook): getattr(play, hook) for hook in HOOKS if play.overrides(hook)}}


def tell_play(play: Play, hook: str) -> Handler:
    """A handler that calls a game's hook; whatever the hook raises holds up neither the core nor other games.

    What the hook fails with is appended for this game alone, under `play.<code>.<hook>`: the relay repeats it there,
    and finds the one message that is wrong. Dying before the append: the core's message comes again, to all.
    """

    def tell(messages: Sequence[Message]) -> None:
        try:
            getattr(play, hook)(messages)
        except Exception as error:
            log.warning("play_hook_failed", play=play.code, hook=hook, count=len(messages), exc_info=error)
            with node_transaction(messages[0].node):
                append_messages(
                    OutboxDraft(topic=play.topic(hook), shard_key=message.shard_key, payload=message.payload)
                    for message in messages
                )

    return tell


def set_aside(messages: Sequence[Message]) -> None:
    """Takes messages of one topic of a game that isn't on out of the relay's way; nothing of them is lost.

    Dying before the relay deletes them: they come again and find their rows.
    """
    topic = messages[0].topic
    with node_transaction(messages[0].node):
        SetAsideMessage.objects.bulk_create(
            [
                SetAsideMessage(
                    shard_key=message.shard_key,
                    code=code_of_topic(topic)[:31],
                    topic=topic,
                    payload=message.payload,
                    outbox_id=message.id,
                    told_at=message.created_at,
                    created_at=DatabaseNow(),
                )
                for message in messages
            ],
            ignore_conflicts=True,
            batch_size=MESSAGES_A_TRANSACTION,
        )
    log.warning("messages_of_gone_play_set_aside", node=messages[0].node, topic=topic, count=len(messages))


def return_messages() -> int:
    """Gives messages that were set aside back to the outbox once somebody takes them again; returns how many.

    Their game has to be on, and to have what handles them: others would be set aside once more, for ever. One batch a
    node and run. Every node is served before an outage is raised.
    """
    topics = [topic for play in all_plays() for topic in routes_of_play(play)]
    returned, outages = 0, []
    for alias in node_aliases() if topics else ():
        try:
            returned += _return_on_node(alias, topics)
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return returned


def _return_on_node(alias: str, topics: Sequence[str]) -> int:
    """Each goes back in the transaction that removes its row."""
    routed = SetAsideMessage.objects.on_node(alias).filter(topic__in=topics)
    rows = list(routed.order_by("id")[:MESSAGES_A_TRANSACTION])
    if not rows:
        return 0
    with node_transaction(alias):
        append_messages(OutboxDraft(topic=row.topic, shard_key=row.shard_key, payload=row.payload) for row in rows)
        SetAsideMessage.objects.on_node(alias).filter(pk__in=[row.pk for row in rows])._raw_delete(alias)
    log.info("messages_returned", node=alias, topics=dict(Counter(row.topic for row in rows)))
    return len(rows)


def forget_messages() -> int:
    """Deletes messages that were set aside 400 days ago, with a line in the log; one batch a node and run.

    Every node is served before an outage is raised. Returns how many.
    """
    forgotten, outages = 0, []
    for alias in node_aliases():
        try:
            forgotten += _forget_on_node(alias)
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return forgotten


def _forget_on_node(alias: str) -> int:
    """Looks at the oldest rows only: numbers grow with the time."""
    oldest = SetAsideMessage.objects.on_node(alias).order_by("pk").values_list("pk", "topic", "created_at")
    before = database_now(alias) - KEEP
    old = {pk: topic for pk, topic, created_at in oldest[:MESSAGES_A_TRANSACTION] if created_at < before}
    if old:
        SetAsideMessage.objects.on_node(alias).filter(pk__in=list(old))._raw_delete(alias)
        log.warning("messages_of_gone_play_forgotten", node=alias, topics=dict(Counter(old.values())))
    return len(old)
