"""What the demo's sale consists of: its offers, and how its shoppers behave."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """One activity of the sale; times in seconds."""

    title: str
    stock: int
    price_fen: int
    group_size: int
    group_lasts: int
    pay_within: int
    shoppers: int


# A few thousand shoppers on a few hundred units; short deadlines, so that what is left unpaid or unfilled is seen to
# come back within the demo.
OFFERS = (
    Offer("秒杀 one each, no group", 100, 990, 1, 60, 25, 1400),
    Offer("双人团 group of two", 200, 1990, 2, 60, 25, 900),
    Offer("三人团 group of three", 150, 2990, 3, 60, 25, 500),
    Offer("五人团 group of five", 100, 3990, 5, 60, 25, 200),
)

# Where the mishaps are played: nobody else buys there.
MISHAPS = Offer("双人团 for those with bad luck", 50, 1290, 2, 20, 6, 11)

PAYS_SHARE = 0.88  # of those who were accepted; the others let their order run out
# Groups that are opened at once, as a share of those that the stock could fill; everybody else waits for a link first.
# If all opened, the units would be gone before a friend came, and no group would ever fill.
OPENED_SHARE = 1.1
WAIT_FOR_LINK_SECONDS = (15.0, 30.0)  # then they try a group of their own
SHARES_LINK_SHARE = 0.9  # of those who open a group; the others wait for friends who never come
LOOKS_FIRST_SHARE = 0.15  # of all shoppers: they look at the activity's page before they buy
ASKS_LATER_SHARE = 0.3  # of those who paid: they look at their order's page
BUYING_CONNECTIONS = 32
PAYING_CONNECTIONS = 16
LASTS_SECONDS = 180
