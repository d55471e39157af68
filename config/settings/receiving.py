"""The receiving service: how many orders wait in a process, and how long."""

from config.env import env

# Orders on their way in a process at most; the next ones are told to come back.
INTAKE_MAX_WAITING: int = env.int("INTAKE_MAX_WAITING", default=10_000)
# By then an order is answered, whatever hangs.
INTAKE_ANSWER_SECONDS: float = env.float("INTAKE_ANSWER_SECONDS", default=0.85)
# Of one member, in one process: turns that come back a second (0: no limit), and how many of them at once.
INTAKE_MEMBER_ORDERS_A_SECOND: float = env.float("INTAKE_MEMBER_ORDERS_A_SECOND", default=2.0)
INTAKE_MEMBER_BURST: int = env.int("INTAKE_MEMBER_BURST", default=60)
# Unpaid orders that a member may have at once, over all activities; 0: as many as they like, and nobody counts.
UNPAID_ORDERS_A_MEMBER: int = env.int("UNPAID_ORDERS_A_MEMBER", default=0)
# Who let so many orders run out within HOARDER_HOURS has HOARDER_PAY_SECONDS to pay the next ones, or what the activity
# gives if that is less; 0 strikes: nobody. Only while unpaid orders are counted.
HOARDER_STRIKES: int = env.int("HOARDER_STRIKES", default=3)
HOARDER_HOURS: int = env.int("HOARDER_HOURS", default=6)
HOARDER_PAY_SECONDS: int = env.int("HOARDER_PAY_SECONDS", default=120)
