"""Messages for games: told behind the core's part, kept for a game that can't take them, set aside for a gone one."""

from collections import Counter
from collections.abc import Sequence

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_data.messaging.relay import Handler, Message
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.play_messages.models import SetAsideMessage
from pgs_web.plays.contract import Play, code_of_topic
from pgs_web.plays.registry import all_plays

MESSAGES_A_TRANSACTION = 500

log = structlog.get_logger(__name__)


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
    """Gives messages that were set aside back to the outbox once their game is on again; returns how many.

    One batch a node and run. Each goes back in the transaction that removes its row.
    """
    codes = [play.code for play in all_plays()]
    returned = 0
    for alias in node_aliases() if codes else ():
        rows = list(
            SetAsideMessage.objects.on_node(alias).filter(code__in=codes).order_by("id")[:MESSAGES_A_TRANSACTION]
        )
        if not rows:
            continue
        with node_transaction(alias):
            append_messages(OutboxDraft(topic=row.topic, shard_key=row.shard_key, payload=row.payload) for row in rows)
            SetAsideMessage.objects.on_node(alias).filter(pk__in=[row.pk for row in rows])._raw_delete(alias)
        log.info("messages_returned", node=alias, topics=dict(Counter(row.topic for row in rows)))
        returned += len(rows)
    return returned
