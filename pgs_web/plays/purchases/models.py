"""Which orders games have brought, on the order's node: so each is counted once, and taken back once."""

from django.db import models

from pgs_data.sharding.models import ShardedModel


class Purchase(ShardedModel):
    """An order that was paid with what a game gave."""

    shard_field = "order_id"

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
        db_table = "play_purchase"
