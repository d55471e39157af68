"""The games' part of the table of routes: their hooks behind the core's handlers, their messages, and gone games'."""

from collections.abc import Mapping

from pgs_data.messaging.relay import Handler
from pgs_task.handlers.acknowledging import in_turn
from pgs_task.play_messages.services import routes_of_play, set_aside, tell_play
from pgs_web.plays.contract import HOOKS
from pgs_web.plays.registry import all_plays, listeners

# Whatever bears a game's mark and has no handler belongs to a game that is gone.
GONE = "play.*"


def with_plays(core: Mapping[str, Handler]) -> dict[str, Handler]:
    """The core's routes and those of the games that are on; a topic that no game listens to keeps its very handler."""
    routes: dict[str, Handler] = {str(topic): handler for topic, handler in core.items()}
    for hook, topic in HOOKS.items():
        told = [tell_play(play, hook) for play in listeners(hook)]
        if told:
            routes[topic] = in_turn(core[topic], *told)
    for play in all_plays():
        routes.update(routes_of_play(play))
    return {**routes, GONE: set_aside}
