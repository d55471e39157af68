"""Which orders games have brought, on the order's node: so each is counted once, and taken back once."""

from typing import ClassVar

from django.db import models

from pgs_data.sharding.models import ShardedModel
from pgs_web.plays.figures.names import BOUGHT, REWARD_ORDERS


class PaidOrder(ShardedModel):
    """An order that was paid with what a game gave; an order takes one coupon of each of these sorts at most."""

    shard_field = "order_id"
    # The figure that counts them, and whether their refunds are counted beside it.
    figure: ClassVar[str]
    counts_returns: ClassVar[bool]

    order_id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=31)
    campaign_id = models.BigIntegerField()
    # What the game took off it.
    cost_fen = models.BigIntegerField()
    # Its buyer had never paid an order before.
    is_new_member = models.BooleanField()
    counted_at = models.DateTimeField()
    # Its money went back.
    returned_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Purchase(PaidOrder):
    """What a round is about was bought: with its promised price, or what a packet was worth."""

    figure = BOUGHT
    counts_returns = True

    class Meta:
        db_table = "play_purchase"


class RewardPurchase(PaidOrder):
    """Something else was bought with what a game gave who helped: it costs, and may win a member, but no round ends
    by it."""

    figure = REWARD_ORDERS
    counts_returns = False

    class Meta:
        db_table = "play_reward_purchase"
