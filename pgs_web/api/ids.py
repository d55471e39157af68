"""How ids look in the API: canonical decimal strings of 1 to 2^63 - 1."""

import re

LARGEST_ID = 2**63 - 1
# ASCII digits only: \d would accept full-width and Arabic digits.
CANONICAL_ID = re.compile(r"[1-9][0-9]{0,18}")


def read_id(text: object) -> int | None:
    """The id behind its canonical text; None for anything else: numbers, signs, spaces, zeros in front, too large."""
    if not isinstance(text, str) or not CANONICAL_ID.fullmatch(text):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None


class IdConverter:
    """`<id:order_id>` in a URL pattern: gives an int; what isn't a canonical id doesn't match, which is 404."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = read_id(value)
        if number is None:
            raise ValueError("not an id")
        return number

    def to_url(self, value: int | str) -> str:
        return str(value)
