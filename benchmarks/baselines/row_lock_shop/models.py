"""A stock and its orders."""

from typing import ClassVar

from django.db import models


class Stock(models.Model):
    activity_id = models.BigIntegerField(primary_key=True)
    remain = models.BigIntegerField()
    price_fen = models.BigIntegerField()

    objects: ClassVar[models.Manager["Stock"]]

    class Meta:
        db_table = "row_lock_stock"


class Order(models.Model):
    activity_id = models.BigIntegerField()
    member_id = models.BigIntegerField()
    address_id = models.BigIntegerField()
    quantity = models.PositiveIntegerField()
    amount_fen = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Order"]]

    class Meta:
        db_table = "row_lock_order"
        constraints = [models.UniqueConstraint(fields=["member_id", "idempotency_key"], name="row_lock_key")]
