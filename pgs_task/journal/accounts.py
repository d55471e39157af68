"""The chart of accounts, and which two of them each kind of movement debits and credits (docs/adr/0020)."""

from dataclasses import dataclass
from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

# What a gateway holds for us; one account a gateway: gateway_clearing:sandbox.
CLEARING = "gateway_clearing"


class Account(StrEnum):
    """The accounts besides those of the gateways."""

    CUSTOMER_DEPOSITS = "customer_deposits"  # liability: paid for orders; the shopper's until it goes back or ships
    REFUNDS_PAYABLE = "refunds_payable"  # liability: taken for no order (late, unexpected); has to go back
    FEE_EXPENSE = "fee_expense"  # expense: what gateways keep for themselves


class MovementCause(models.TextChoices):
    """Why money moved, or changed whom it belongs to."""

    PAID = "PAID", _("paid an order")
    LATE_PAID = "LATE_PAID", _("paid too late for the order")
    LATE_ACCEPTED = "LATE_ACCEPTED", _("a late payment pays its order after all")
    UNEXPECTED_PAID = "UNEXPECTED_PAID", _("paid what nobody asked for")
    REFUNDED = "REFUNDED", _("an order's money went back")
    RETURNED = "RETURNED", _("money that paid no order went back")
    FEE = "FEE", _("gateway's fee")
    FEE_RETURNED = "FEE_RETURNED", _("gateway's fee given back")


@dataclass(frozen=True)
class Sides:
    """The account that is debited and the one that is credited."""

    debit: str
    credit: str


_SIDES: dict[MovementCause, Sides] = {
    MovementCause.PAID: Sides(CLEARING, Account.CUSTOMER_DEPOSITS),
    MovementCause.LATE_PAID: Sides(CLEARING, Account.REFUNDS_PAYABLE),
    MovementCause.LATE_ACCEPTED: Sides(Account.REFUNDS_PAYABLE, Account.CUSTOMER_DEPOSITS),
    MovementCause.UNEXPECTED_PAID: Sides(CLEARING, Account.REFUNDS_PAYABLE),
    MovementCause.REFUNDED: Sides(Account.CUSTOMER_DEPOSITS, CLEARING),
    MovementCause.RETURNED: Sides(Account.REFUNDS_PAYABLE, CLEARING),
    MovementCause.FEE: Sides(Account.FEE_EXPENSE, CLEARING),
    MovementCause.FEE_RETURNED: Sides(CLEARING, Account.FEE_EXPENSE),
}
TAKEN_CAUSES = (MovementCause.PAID, MovementCause.LATE_PAID, MovementCause.UNEXPECTED_PAID)
GIVEN_BACK_CAUSES = (MovementCause.REFUNDED, MovementCause.RETURNED)


def clearing_account(gateway: str) -> str:
    """The account of what this gateway holds for us."""
    return f"{CLEARING}:{gateway}"


def sides_of(cause: MovementCause, *, gateway: str) -> Sides:
    """Which accounts a movement of this cause at this gateway debits and credits."""
    sides = _SIDES[cause]
    clearing = clearing_account(gateway)
    return Sides(*(clearing if account == CLEARING else account for account in (sides.debit, sides.credit)))
