"""Business acts on activities, in the database only; what also moves the stock in Redis is composed in trade/stock."""

from pgs_web.display.activity.services.door import (
    approve_activity,
    end_activity,
    move_activity,
    pause_activity,
    resume_activity,
    return_to_draft,
    submit_for_review,
    withdraw_activity,
)
from pgs_web.display.activity.services.stock_archive import (
    FinalStock,
    archive_stock,
    ask_recounts,
    record_final_stock,
)
from pgs_web.display.activity.services.stock_copy import StockCopy, finish_stock_pass, record_stock, record_stocks
from pgs_web.display.activity.services.timetable import end_due_activities, start_due_activities
from pgs_web.display.activity.services.withdrawals import finish_withdrawals, take_withdrawals
from pgs_web.display.activity.services.writing import create_activity, update_rules

__all__ = [
    "FinalStock",
    "StockCopy",
    "approve_activity",
    "archive_stock",
    "ask_recounts",
    "create_activity",
    "end_activity",
    "end_due_activities",
    "finish_stock_pass",
    "finish_withdrawals",
    "move_activity",
    "pause_activity",
    "record_final_stock",
    "record_stock",
    "record_stocks",
    "resume_activity",
    "return_to_draft",
    "start_due_activities",
    "submit_for_review",
    "take_withdrawals",
    "update_rules",
    "withdraw_activity",
]
