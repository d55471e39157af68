"""Phone numbers: mainland mobile numbers, stored as 11 digits."""

import re

from pgs_data.encryption import blind_index

# ASCII digits only: full-width ones are refused, not guessed.
PHONE = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")


def read_phone(text: str) -> str | None:
    """The 11 digits of a mainland mobile number with or without +86; None for anything else."""
    match = PHONE.fullmatch(text)
    return match[1] if match else None


def index_phone(phone: str) -> str:
    """What a phone is looked up by; says nothing about the phone without the key."""
    return blind_index(phone, "member.phone")
