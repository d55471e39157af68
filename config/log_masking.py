"""The last guard before a log line is written: what looks like a mobile number is masked.

Code doesn't log phones or addresses; exception texts and third parties' messages might.
"""

import re
from typing import Any

# A mainland mobile number that isn't part of a longer number: ids have 18 or 19 digits.
_MOBILE_NUMBER = re.compile(r"(?<!\d)((?:\+?86[- ]?)?1[3-9]\d)[- ]?\d{4}[- ]?(\d{4})(?!\d)")


def mask_mobile_numbers(text: str) -> str:
    """The text with the middle of each mobile number replaced by stars."""
    return _MOBILE_NUMBER.sub(r"\1****\2", text)


def mask_event(logger: Any, method_name: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: masks every text of the event, one level of containers deep."""
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask_mobile_numbers(value)
        case dict():
            return {key: mask_mobile_numbers(item) if isinstance(item, str) else item for key, item in value.items()}
        case list() | tuple():
            return [mask_mobile_numbers(item) if isinstance(item, str) else item for item in value]
        case int() if not isinstance(value, bool):
            # A phone logged as a number.
            text = str(value)
            masked = mask_mobile_numbers(text)
            return value if masked == text else masked
        case _:
            return value
