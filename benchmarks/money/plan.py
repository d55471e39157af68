"""Who buys what in the money drill: stories of one or two orders, and how often each is told."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Story:
    """`orders` of one telling; of a hundred tellings, `percent` are this one."""

    name: str
    says: str
    orders: int
    percent: int
    # Which of the drill's activities: patient ones wait for days, hasty ones end within seconds.
    activity: str


STORIES = (
    Story(name="alone", says="buys alone, pays", orders=1, percent=22, activity="patient"),
    Story(name="pair", says="two fill a group and pay", orders=2, percent=24, activity="patient"),
    Story(name="half_pair", says="the friend never pays: the group fails", orders=2, percent=10, activity="hasty"),
    Story(name="lonely", says="pays, but nobody joins: the group fails", orders=1, percent=6, activity="hasty"),
    Story(name="surcharge", says="nobody joins, buys alone for the surcharge", orders=1, percent=4, activity="hasty"),
    Story(name="unpaid", says="starts a payment, never pays", orders=1, percent=8, activity="hasty"),
    Story(name="deadline", says="pays in the very second of the deadline", orders=1, percent=8, activity="hasty"),
    Story(name="cancel", says="cancels while paying", orders=1, percent=8, activity="patient"),
    Story(name="late_retry", says="pays after the deadline, wants it even then", orders=1, percent=4, activity="hasty"),
    Story(name="refund", says="opens a group, pays, wants the money back", orders=1, percent=6, activity="patient"),
)

# Of an activity's rules. A hasty one's orders and groups are over while the drill runs.
HASTY: dict[str, Any] = {"pay_within_seconds": 8, "group_lasts_seconds": 12, "alone_price_fen": 1_400}
PATIENT: dict[str, Any] = {"pay_within_seconds": 6 * 86_400, "group_lasts_seconds": 20 * 86_400}

# Every so many seconds the gateway can't close anything for so long: orders are cancelled, and paid all the same.
OUTAGE_EVERY_SECONDS, OUTAGE_SECONDS = 90.0, 30.0

# Of the shop: it asks and tries again sooner than in earnest, so that what went wrong heals within minutes.
VARIABLES = {
    "WEB_WORKERS": "2",
    "PAYMENT_QUERY_SECONDS": "3,5,8,12,20",
    "PAYMENT_CLOSE_AFTER_SECONDS": "5",
    "PAYMENT_CLOSED_QUERY_SECONDS": "5,10,20,30,60",
    "SURCHARGE_WITHIN_SECONDS": "20",
    "REFUND_RETRY_SECONDS": ",".join(["1", "2", "4", *["6"] * 20]),
    "INTAKE_MEMBER_ORDERS_A_SECOND": "1000",
    "INTAKE_MEMBER_BURST": "1000",
    "LOG_LEVEL": "ERROR",
}
