"""Who has helped whom, on the initiator's node: the facts that games build on."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel


class Help(ShardedModel):
    """One help. All rounds of an initiator are on one node, so its constraint judges all of them."""

    shard_field = "round_id"

    id = models.BigAutoField(primary_key=True)
    round_id = models.BigIntegerField(_("round"))
    campaign_id = models.BigIntegerField(_("campaign"))
    initiator_id = models.BigIntegerField(_("initiator"))
    helper_id = models.BigIntegerField(_("helper"))
    # As judged when helping; a payment asks again.
    is_new_member = models.BooleanField(_("new member"))
    # Blind indexes: nobody can read an address or a device from them.
    device = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        db_table = "play_help"
        verbose_name = _("help")
        verbose_name_plural = _("helps")
        constraints = [
            models.UniqueConstraint(fields=["campaign_id", "initiator_id", "helper_id"], name="play_help_once"),
            models.CheckConstraint(
                condition=~models.Q(initiator_id=models.F("helper_id")), name="play_help_of_somebody_else"
            ),
        ]
        indexes = [models.Index(fields=["round_id", "id"], name="play_help_of_round")]
