"""What the shop needs from who sends its text messages."""

from typing import Protocol


class ProviderFailed(Exception):
    """The provider refused or can't be reached; `reason` is for the log and holds no phone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class SmsProvider(Protocol):
    """A provider; one object a process, used by many threads."""

    def send_sign_in_code(self, *, phone: str, code: str) -> None:
        """Hands the message over within 5 seconds; raises ProviderFailed. Sent at most once, it isn't repeated here."""
