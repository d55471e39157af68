"""What games count: entries, each written with its fact, and the sums into which a job folds them."""

from django.db import models

from pgs_data.sharding.models import ShardedModel
from pgs_web.plays.figures.names import LONGEST_FIGURE


class FigureEntry(ShardedModel):
    """So much more, or less, of a figure. Only inserted and deleted: nobody waits for anybody to count."""

    shard_field = "shard_key"

    id = models.BigAutoField(primary_key=True)
    # An id of the fact: the entry is in its transaction.
    shard_key = models.BigIntegerField()
    code = models.CharField(max_length=31)
    campaign_id = models.BigIntegerField()
    name = models.CharField(max_length=LONGEST_FIGURE)
    amount = models.BigIntegerField()

    class Meta:
        db_table = "play_figure_entry"


class FigureTotal(ShardedModel):
    """A node's part of a figure, of a campaign or, under ALL_CAMPAIGNS, of the game. Only nodes' sums mean anything:
    it doesn't matter on which node a part lies."""

    shard_field = "shard_key"

    ALL_CAMPAIGNS = 0

    id = models.BigAutoField(primary_key=True)
    # Of the first entry that was folded into it: names the node.
    shard_key = models.BigIntegerField()
    code = models.CharField(max_length=31)
    campaign_id = models.BigIntegerField()
    name = models.CharField(max_length=LONGEST_FIGURE)
    amount = models.BigIntegerField(default=0)

    class Meta:
        db_table = "play_figure_total"
        constraints = [models.UniqueConstraint(fields=["code", "campaign_id", "name"], name="play_figure_once")]
