"""Compares a day with a statement file that an operator brought from the gateway's own site."""

from datetime import date
from typing import BinaryIO

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable, StatementTooLong
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.statements.errors import StatementNotRead
from pgs_task.statements.models import StatementDay
from pgs_task.statements.services.comparing import compare_statement
from pgs_task.statements.services.days import require_over
from pgs_task.statements.services.storing import store_comparison

LARGEST_FILE = 20 * 1024 * 1024


def compare_file(*, gateway: str, day: date, file: BinaryIO, size: int) -> StatementDay:
    """Reads the file line by line, compares it and stores what was found; nothing of a file that can't be read.

    Raises DayNotOver, and StatementNotRead for a file above 20 MB or not written as the gateway writes them.
    """
    began_at = database_now("default")
    require_over(day, now=began_at)
    if size > LARGEST_FILE:
        raise StatementNotRead
    try:
        lines = make_gateway(gateway).read_statement(file)
        comparison = compare_statement(day=day, gateway_code=gateway, lines=lines)
    except (GatewayUnavailable, StatementTooLong) as error:
        raise StatementNotRead from error
    return store_comparison(comparison=comparison, began_at=began_at, is_uploaded=True)
