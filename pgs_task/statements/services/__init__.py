"""Business acts on statements and the differences found in them."""

from pgs_task.statements.services.comparing import compare_statement, first_day
from pgs_task.statements.services.days import compare_day, compare_due_days
from pgs_task.statements.services.resolving import resolve_difference
from pgs_task.statements.services.storing import store_comparison, store_failure
from pgs_task.statements.services.uploading import compare_file

__all__ = [
    "compare_day",
    "compare_due_days",
    "compare_file",
    "compare_statement",
    "first_day",
    "resolve_difference",
    "store_comparison",
    "store_failure",
]
