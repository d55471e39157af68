"""States and reasons as an operator reads them: the code itself in English, its word in other languages."""

from collections.abc import Callable, Mapping
from functools import partial

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

WORDS: Mapping[str, object] = {
    # Activities.
    "DRAFT": pgettext_lazy("code", "DRAFT"),
    "IN_REVIEW": pgettext_lazy("code", "IN_REVIEW"),
    "SCHEDULED": pgettext_lazy("code", "SCHEDULED"),
    "RUNNING": pgettext_lazy("code", "RUNNING"),
    "PAUSED": pgettext_lazy("code", "PAUSED"),
    "ENDED": pgettext_lazy("code", "ENDED"),
    "WITHDRAWN": pgettext_lazy("code", "WITHDRAWN"),
    # Orders.
    "ACCEPTED": pgettext_lazy("code", "ACCEPTED"),
    "UNPAID": pgettext_lazy("code", "UNPAID"),
    "AWAITING_GROUP": pgettext_lazy("code", "AWAITING_GROUP"),
    "TO_SHIP": pgettext_lazy("code", "TO_SHIP"),
    "SHIPPED": pgettext_lazy("code", "SHIPPED"),
    "COMPLETED": pgettext_lazy("code", "COMPLETED"),
    "CANCELLED": pgettext_lazy("code", "CANCELLED"),
    "REFUNDING": pgettext_lazy("code", "REFUNDING"),
    "REFUNDED": pgettext_lazy("code", "REFUNDED"),
    "REJECTED": pgettext_lazy("code", "REJECTED"),
    # Groups.
    "FORMING": pgettext_lazy("code", "FORMING"),
    "SUCCEEDED": pgettext_lazy("code", "SUCCEEDED"),
    "FAILED": pgettext_lazy("code", "FAILED"),
    "SETTLED": pgettext_lazy("code", "SETTLED"),
    "RESERVED": pgettext_lazy("code", "RESERVED"),
    "USED": pgettext_lazy("code", "USED"),
    # Coupons and their campaigns.
    "ISSUED": pgettext_lazy("code", "ISSUED"),
    "EXPIRED": pgettext_lazy("code", "EXPIRED"),
    "STOPPED": pgettext_lazy("code", "STOPPED"),
    "withdraw_coupon": pgettext_lazy("code", "withdraw_coupon"),
    "start_campaign": pgettext_lazy("code", "start_campaign"),
    "stop_campaign": pgettext_lazy("code", "stop_campaign"),
    "guaranteed": pgettext_lazy("code", "guaranteed"),
    "extended": pgettext_lazy("code", "extended"),
    # Seats.
    "HELD": pgettext_lazy("code", "HELD"),
    "PAID": pgettext_lazy("code", "PAID"),
    "CONFIRMED": pgettext_lazy("code", "CONFIRMED"),
    "RELEASED": pgettext_lazy("code", "RELEASED"),
    # Payments and refunds.
    "WAITING": pgettext_lazy("code", "WAITING"),
    "CLOSED": pgettext_lazy("code", "CLOSED"),
    "LATE": pgettext_lazy("code", "LATE"),
    "PROCESSING": pgettext_lazy("code", "PROCESSING"),
    "MANUAL": pgettext_lazy("code", "MANUAL"),
    # After-sale requests.
    "REQUESTED": pgettext_lazy("code", "REQUESTED"),
    "RETURNING": pgettext_lazy("code", "RETURNING"),
    "DONE": pgettext_lazy("code", "DONE"),
    "REFUSED": pgettext_lazy("code", "REFUSED"),
    "refund_only": pgettext_lazy("code", "refund_only"),
    "return_and_refund": pgettext_lazy("code", "return_and_refund"),
    "not_arrived": pgettext_lazy("code", "not_arrived"),
    "damaged": pgettext_lazy("code", "damaged"),
    "wrong_item": pgettext_lazy("code", "wrong_item"),
    "missing_parts": pgettext_lazy("code", "missing_parts"),
    "not_as_described": pgettext_lazy("code", "not_as_described"),
    "no_longer_wanted": pgettext_lazy("code", "no_longer_wanted"),
    "reward": pgettext_lazy("code", "reward"),
    "not_new_member": pgettext_lazy("code", "not_new_member"),
    "other": pgettext_lazy("code", "other"),
    "less_than_asked": pgettext_lazy("code", "less_than_asked"),
    "not_returned": pgettext_lazy("code", "not_returned"),
    "goods_received": pgettext_lazy("code", "goods_received"),
    # Why money goes back.
    "after_sale": pgettext_lazy("code", "after_sale"),
    "late_payment": pgettext_lazy("code", "late_payment"),
    # Payment anomalies.
    "OPEN": pgettext_lazy("code", "OPEN"),
    "EXPLAINED": pgettext_lazy("code", "EXPLAINED"),
    "wrong_amount": pgettext_lazy("code", "wrong_amount"),
    "second_trade": pgettext_lazy("code", "second_trade"),
    "foreign_number": pgettext_lazy("code", "foreign_number"),
    "unknown_payment": pgettext_lazy("code", "unknown_payment"),
    # What gateways were asked, and what they answered.
    "query": pgettext_lazy("code", "query"),
    "close": pgettext_lazy("code", "close"),
    "refund": pgettext_lazy("code", "refund"),
    "query_refund": pgettext_lazy("code", "query_refund"),
    "UNKNOWN": pgettext_lazy("code", "UNKNOWN"),
    "no_answer": pgettext_lazy("code", "no_answer"),
    # Members.
    "ACTIVE": pgettext_lazy("code", "ACTIVE"),
    "BLOCKED": pgettext_lazy("code", "BLOCKED"),
    # What gateways say.
    "SUCCESS": pgettext_lazy("code", "SUCCESS"),
    "FAIL": pgettext_lazy("code", "FAIL"),
    # Why an order ended.
    "unpaid": pgettext_lazy("code", "unpaid"),
    "by_member": pgettext_lazy("code", "by_member"),
    "by_operator": pgettext_lazy("code", "by_operator"),
    "group_failed": pgettext_lazy("code", "group_failed"),
    "risk": pgettext_lazy("code", "risk"),
    "out_of_stock": pgettext_lazy("code", "out_of_stock"),
    # Why it got another place.
    "moved": pgettext_lazy("code", "moved"),
    "alone": pgettext_lazy("code", "alone"),
    # How it was looked for, and why there was none.
    "TAKING": pgettext_lazy("code", "TAKING"),
    "ASKING": pgettext_lazy("code", "ASKING"),
    "GIVING_BACK": pgettext_lazy("code", "GIVING_BACK"),
    "lost_seat": pgettext_lazy("code", "lost_seat"),
    "retry": pgettext_lazy("code", "retry"),
    "move": pgettext_lazy("code", "move"),
    "lead": pgettext_lazy("code", "lead"),
    "too_late": pgettext_lazy("code", "too_late"),
    "not_possible": pgettext_lazy("code", "not_possible"),
    "order_moved": pgettext_lazy("code", "order_moved"),
    "shut": pgettext_lazy("code", "shut"),
    "limit": pgettext_lazy("code", "limit"),
    "no_seat": pgettext_lazy("code", "no_seat"),
    "barred": pgettext_lazy("code", "barred"),
    # What a payment is for.
    "order": pgettext_lazy("code", "order"),
    "surcharge": pgettext_lazy("code", "surcharge"),
    # Why a group failed.
    "timeout": pgettext_lazy("code", "timeout"),
    "sold_out": pgettext_lazy("code", "sold_out"),
    "withdrawn": pgettext_lazy("code", "withdrawn"),
    "leader_left": pgettext_lazy("code", "leader_left"),
    # What a notice did.
    "paid": pgettext_lazy("code", "paid"),
    "late": pgettext_lazy("code", "late"),
    "failed": pgettext_lazy("code", "failed"),
    "closed": pgettext_lazy("code", "closed"),
    "duplicate": pgettext_lazy("code", "duplicate"),
    "ignored": pgettext_lazy("code", "ignored"),
    "anomaly_amount": pgettext_lazy("code", "anomaly_amount"),
    "anomaly_second_trade": pgettext_lazy("code", "anomaly_second_trade"),
    # Days of statements and their differences.
    "FITS": pgettext_lazy("code", "FITS"),
    "DIFFERS": pgettext_lazy("code", "DIFFERS"),
    "RESOLVED": pgettext_lazy("code", "RESOLVED"),
    "GONE": pgettext_lazy("code", "GONE"),
    "PAYMENT": pgettext_lazy("code", "PAYMENT"),
    "REFUND": pgettext_lazy("code", "REFUND"),
    "missing_here": pgettext_lazy("code", "missing_here"),
    "missing_there": pgettext_lazy("code", "missing_there"),
    "amount": pgettext_lazy("code", "amount"),
    "number": pgettext_lazy("code", "number"),
    "state": pgettext_lazy("code", "state"),
    "fee": pgettext_lazy("code", "fee"),
    # What an operator did, and how it ended.
    "submit": pgettext_lazy("code", "submit"),
    "approve": pgettext_lazy("code", "approve"),
    "send_back": pgettext_lazy("code", "send_back"),
    "pause": pgettext_lazy("code", "pause"),
    "resume": pgettext_lazy("code", "resume"),
    "end": pgettext_lazy("code", "end"),
    "withdraw": pgettext_lazy("code", "withdraw"),
    "change_stock": pgettext_lazy("code", "change_stock"),
    "change_rules": pgettext_lazy("code", "change_rules"),
    "cancel_order": pgettext_lazy("code", "cancel_order"),
    "refund_order": pgettext_lazy("code", "refund_order"),
    "retry_refund": pgettext_lazy("code", "retry_refund"),
    "unmask_notices": pgettext_lazy("code", "unmask_notices"),
    "claim_by_hand": pgettext_lazy("code", "claim_by_hand"),
    "confirm_by_hand": pgettext_lazy("code", "confirm_by_hand"),
    "ask_after_sale": pgettext_lazy("code", "ask_after_sale"),
    "approve_request": pgettext_lazy("code", "approve_request"),
    "refuse_request": pgettext_lazy("code", "refuse_request"),
    "receive_goods": pgettext_lazy("code", "receive_goods"),
    "unmask": pgettext_lazy("code", "unmask"),
    "block": pgettext_lazy("code", "block"),
    "unblock": pgettext_lazy("code", "unblock"),
    "add": pgettext_lazy("code", "add"),
    "change": pgettext_lazy("code", "change"),
    "change_password": pgettext_lazy("code", "change_password"),
    "put_on_shelf": pgettext_lazy("code", "put_on_shelf"),
    "take_off_shelf": pgettext_lazy("code", "take_off_shelf"),
    "import": pgettext_lazy("code", "import"),
    "check_invariants": pgettext_lazy("code", "check_invariants"),
    "refund_anomaly": pgettext_lazy("code", "refund_anomaly"),
    "explain_anomaly": pgettext_lazy("code", "explain_anomaly"),
    "trace_anomaly": pgettext_lazy("code", "trace_anomaly"),
    "configure_gateways": pgettext_lazy("code", "configure_gateways"),
    "set_sandbox_faults": pgettext_lazy("code", "set_sandbox_faults"),
    "compare_day": pgettext_lazy("code", "compare_day"),
    "compare_again": pgettext_lazy("code", "compare_again"),
    "resolve_difference": pgettext_lazy("code", "resolve_difference"),
    "settle_day": pgettext_lazy("code", "settle_day"),
    "done": pgettext_lazy("code", "done"),
    "refused": pgettext_lazy("code", "refused"),
    "outage": pgettext_lazy("code", "outage"),
}


def say(code: str) -> str:
    """The word of a state or reason; a code without one, and free text, as they are."""
    return str(WORDS.get(code, code))


def say_outcome(outcome: str) -> str:
    """How an act ended; the code of a refusal stays as the API names it."""
    word, colon, code = outcome.partition(": ")
    return f"{say(word)}{colon}{code}"


def show_code(code: str, colours: Mapping[str, str]) -> SafeString:
    """The word on its colour, for lists and detail pages; a code without a colour is grey."""
    return render_to_string("unfold/helpers/label.html", {"text": say(code), "type": colours.get(code, "")})


def coloured(colours: Mapping[str, str]) -> Callable[[str], SafeString]:
    """`show_code` in these colours, for a column."""
    return partial(show_code, colours=colours)
