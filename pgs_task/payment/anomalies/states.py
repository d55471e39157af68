"""What can be wrong with money that a gateway says it took, and what becomes of it."""

from enum import StrEnum


class AnomalyKind(StrEnum):
    WRONG_AMOUNT = "wrong_amount"  # another amount or currency than the payment's
    SECOND_TRADE = "second_trade"  # a paid payment was paid again, by another trade
    FOREIGN_NUMBER = "foreign_number"  # a notice or trade number that belongs to something else
    UNKNOWN_PAYMENT = "unknown_payment"  # no payment of ours at this gateway


class AnomalyState(StrEnum):
    OPEN = "OPEN"  # the gateway is asked whether it has the money
    MANUAL = "MANUAL"  # the gateway's answer doesn't name the money; a person decides
    REFUNDING = "REFUNDING"  # the gateway has it; it goes back by a refund of its own
    REFUNDED = "REFUNDED"  # it is back
    EXPLAINED = "EXPLAINED"  # there was no such money, or somebody said where it is


ANOMALY_MOVES: dict[AnomalyState, frozenset[AnomalyState]] = {
    AnomalyState.OPEN: frozenset({AnomalyState.REFUNDING, AnomalyState.EXPLAINED, AnomalyState.MANUAL}),
    AnomalyState.MANUAL: frozenset({AnomalyState.OPEN, AnomalyState.REFUNDING, AnomalyState.EXPLAINED}),
    AnomalyState.REFUNDING: frozenset({AnomalyState.REFUNDED}),
    AnomalyState.REFUNDED: frozenset(),
    AnomalyState.EXPLAINED: frozenset(),
}
# What the clock looks at.
TRACED = frozenset({AnomalyState.OPEN, AnomalyState.REFUNDING})
