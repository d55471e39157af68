"""The journal: one row an account and movement of money, written once, beside the payment on its node."""

from collections.abc import Iterable
from typing import Any, ClassVar, Never

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_data.sharding.querysets import ShardedManager, ShardedQuerySet
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.errors import JournalIsAppendOnly


class JournalQuerySet(ShardedQuerySet["JournalEntry"]):
    """Reads and inserts; every other door of Django's raises JournalIsAppendOnly."""

    def bulk_create(
        self, objs: Iterable["JournalEntry"], *args: Any, update_conflicts: bool = False, **options: Any
    ) -> list["JournalEntry"]:
        """As in Django; a row that is there is never updated."""
        if update_conflicts:
            _refuse()
        return super().bulk_create(objs, *args, **options)

    def update(self, **values: Any) -> Never:
        _refuse()

    def bulk_update(self, objs: Iterable["JournalEntry"], fields: Iterable[str], *args: Any, **options: Any) -> Never:
        _refuse()

    def update_or_create(self, *args: Any, **options: Any) -> Never:
        _refuse()

    def delete(self) -> Never:
        _refuse()


class JournalManager(ShardedManager.from_queryset(JournalQuerySet)["JournalEntry"]):  # type: ignore[misc]
    """`objects` of the journal."""


class JournalEntry(ShardedModel):
    shard_field = "payment_id"

    id = models.BigAutoField(primary_key=True)
    payment_id = models.BigIntegerField(_("payment"))
    order_id = models.BigIntegerField(_("order"))
    cause = models.CharField(_("cause"), max_length=16, choices=MovementCause.choices)
    # What moved, once a cause: a payment's id, a refund's number, "gateway:trade number" of unexpected money.
    reference = models.CharField(_("reference"), max_length=96)
    # 1, 2, …: the rows of one movement.
    line = models.PositiveSmallIntegerField(_("line"))
    account = models.CharField(_("account"), max_length=48)
    debit_fen = models.BigIntegerField(_("debit (fen)"))
    credit_fen = models.BigIntegerField(_("credit (fen)"))
    # When the money moved, which decides the day that it belongs to, and when it was written down.
    at = models.DateTimeField(_("moved at"))
    recorded_at = models.DateTimeField(_("recorded at"))

    objects: ClassVar[JournalManager] = JournalManager()

    class Meta:
        db_table = "journal_entry"
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        constraints = [
            models.UniqueConstraint(fields=["cause", "reference", "line"], name="journal_movement_once"),
            models.CheckConstraint(
                condition=models.Q(debit_fen__gt=0, credit_fen=0) | models.Q(debit_fen=0, credit_fen__gt=0),
                name="journal_one_side",
            ),
        ]
        indexes = [
            models.Index(fields=["payment_id"], name="journal_of_payment"),
            models.Index(fields=["order_id"], name="journal_of_order"),
            # The movements of a day.
            models.Index(fields=["at"], name="journal_at"),
            models.Index(fields=["recorded_at"], name="journal_recorded_at"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.reference} {self.line}"

    def save_base(self, *args: Any, **options: Any) -> None:
        """Inserts; raises JournalIsAppendOnly for a row that was read or saved before."""
        if not self._state.adding:
            _refuse()
        super().save_base(*args, **options)

    def delete(self, *args: Any, **options: Any) -> Never:
        _refuse()


def _refuse() -> Never:
    raise JournalIsAppendOnly("Journal entries are only ever inserted.")
