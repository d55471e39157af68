"""Groups, their seats and the log of their states; all rows of a group live on the node that its id names."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from pgs_data.sharding.models import ShardedModel
from pgs_web.trade.group.states import GroupState, GuaranteeState, SeatState


class Group(ShardedModel):
    shard_field = "id"

    id = models.BigIntegerField(pgettext_lazy("trade", "group"), primary_key=True)
    activity_id = models.BigIntegerField(_("activity"))
    leader_member_id = models.BigIntegerField(_("leader"))
    size = models.PositiveIntegerField(_("group size"))
    # Snapshot at opening: an edit of the activity never changes a running group.
    price_fen = models.BigIntegerField(_("group price (fen)"))
    rules_version = models.PositiveIntegerField(_("rules version"))
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in GroupState])
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    # Filled by the merchant when the group's time was over; a Guarantee says what for.
    guaranteed_seats = models.PositiveIntegerField(_("guaranteed seats"), default=0, db_default=0)
    paid_count = models.PositiveIntegerField(_("paid members"), default=0)
    log_count = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField(_("opened at"))
    deadline = models.DateTimeField(_("deadline"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    # From its failure until every order that was admitted into it is written down: it can't be settled before.
    awaits_orders = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "trade_group"
        # With a context: without it, it would also translate Django's "group", which is an operators' role.
        verbose_name = pgettext_lazy("trade", "group")
        verbose_name_plural = pgettext_lazy("trade", "groups")
        indexes = [
            models.Index(fields=["state", "deadline"], name="group_state_deadline"),
            models.Index(fields=["activity_id", "state", "deadline"], name="group_of_activity"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Seat(ShardedModel):
    """A member's place in a group, held by one order."""

    shard_field = "group_id"

    id = models.BigAutoField(primary_key=True)
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"))
    order_id = models.BigIntegerField(_("order"))
    member_id = models.BigIntegerField(_("member"))
    # member_id while the seat is active, null afterwards: the unique index then admits a member once a group at a
    # time without a partial index, which MariaDB does not have.
    active_member_id = models.BigIntegerField(null=True)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in SeatState])
    # Given up by a paid member who hasn't got the money back yet.
    is_owed = models.BooleanField(default=False, db_default=False)
    # Said when it was paid, in groups with seats for new members: it took none of those, or, while it isn't PAID, it
    # was refused because none of the others was left. Null: nobody asked.
    is_returning = models.BooleanField(null=True)
    joined_at = models.DateTimeField(_("joined at"))
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta:
        db_table = "trade_seat"
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        constraints = [
            models.UniqueConstraint(fields=["group_id", "order_id"], name="seat_once_an_order"),
            models.UniqueConstraint(fields=["group_id", "active_member_id"], name="seat_once_a_member"),
        ]


class GroupLog(ShardedModel):
    shard_field = "group_id"

    id = models.BigAutoField(primary_key=True)
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"))
    sequence = models.PositiveSmallIntegerField()
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        db_table = "trade_group_log"
        constraints = [models.UniqueConstraint(fields=["group_id", "sequence"], name="group_log_once")]


class Guarantee(models.Model):
    """Seats of one group that the merchant pays for, in `default`: with the activity's cap it is one transaction."""

    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"), primary_key=True)
    activity_id = models.BigIntegerField(_("activity"))
    seats = models.PositiveIntegerField(_("seats"))
    price_fen = models.BigIntegerField(_("price of a seat (fen)"))
    state = models.CharField(
        _("state"), max_length=16, choices=[(state.value, state.value) for state in GuaranteeState]
    )
    reserved_at = models.DateTimeField(_("reserved at"))
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        db_table = "trade_guarantee"
        verbose_name = _("guaranteed completion")
        verbose_name_plural = _("guaranteed completions")
        indexes = [
            models.Index(fields=["state", "reserved_at"], name="guarantee_state_reserved"),
            models.Index(fields=["activity_id", "state"], name="guarantee_of_activity"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def cost_fen(self) -> int:
        """What the seats cost the merchant."""
        return self.seats * self.price_fen


class DeadlineExtension(models.Model):
    """Minutes for groups that lost some to an incident: asked for by an operator, given by a job; in `default`."""

    from_at = models.DateTimeField(_("incident began at"))
    to_at = models.DateTimeField(_("incident ended at"))
    activity_id = models.BigIntegerField(
        _("activity"), null=True, blank=True, help_text=_("Number of the activity; empty for all.")
    )
    minutes = models.PositiveIntegerField(_("minutes more"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(max_length=80)
    asked_at = models.DateTimeField(_("asked at"))
    # Until then groups may still come out of a stream.
    until = models.DateTimeField()
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        db_table = "trade_deadline_extension"
        verbose_name = _("extension of deadlines")
        verbose_name_plural = _("extensions of deadlines")
        indexes = [models.Index(fields=["done_at", "id"], name="extension_open")]

    def __str__(self) -> str:
        return str(self.pk)


class GroupExtension(ShardedModel):
    """That a group got its minutes of an extension; the unique index makes it once."""

    shard_field = "group_id"

    id = models.BigAutoField(primary_key=True)
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"))
    extension_id = models.BigIntegerField(_("extension of deadlines"))
    old_deadline = models.DateTimeField()
    new_deadline = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        db_table = "trade_group_extension"
        indexes = [models.Index(fields=["extension_id"], name="group_extension_of")]
        constraints = [models.UniqueConstraint(fields=["group_id", "extension_id"], name="group_extension_once")]
