"""The receiving service: how many orders wait in a process, and how long."""

from config.env import env

# Orders on their way in a process at most; the next ones are told to come back.
INTAKE_MAX_WAITING: int = env.int("INTAKE_MAX_WAITING", default=10_000)
# By then an order is answered, whatever hangs.
INTAKE_ANSWER_SECONDS: float = env.float("INTAKE_ANSWER_SECONDS", default=0.85)
# Of one member, in one process: turns that come back a second (0: no limit), and how many of them at once.
INTAKE_MEMBER_ORDERS_A_SECOND: float = env.float("INTAKE_MEMBER_ORDERS_A_SECOND", default=2.0)
INTAKE_MEMBER_BURST: int = env.int("INTAKE_MEMBER_BURST", default=60)
