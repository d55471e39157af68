"""Acts that take several calls to several partitions, written once for callers that block and for event loops.

An act is a generator: it yields a partition and a command, and is sent the reply; RedisUnavailable is thrown into it.
It may end between any two calls, because its process dies: each act says what then holds and who finishes it. Each step
outlives its server before the next one is made, where the ledger has replicas: else a loan could be in the borrower
and, after a failover, not out of the lender.
"""

from collections.abc import Generator
from typing import Any, TypeVar

from pgs_data.lua.loader import Command, run_command
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.replicas import replicated

Result = TypeVar("Result")

Call = tuple[int, Command]
Steps = Generator[Call, Any, Result]


def run_steps(steps: Steps[Result]) -> Result:
    """Makes the calls one after the other, blocking; raises RedisUnavailable, unless the act knows better."""
    reply: Any = None
    outage: Exception | None = None
    while True:
        try:
            partition, command = steps.send(reply) if outage is None else steps.throw(outage)
        except StopIteration as end:
            result: Result = end.value
            return result
        reply, outage = None, None
        try:
            with replicated(partition) as client:
                reply = run_command(client, command)
        except RedisUnavailable as error:
            outage = error
