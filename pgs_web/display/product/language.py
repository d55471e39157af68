"""Texts that exist in Chinese and in English: which one this request reads."""

from django.utils.translation import get_language


def choose_text(chinese: str, english: str) -> str:
    """The English text for readers of English when there is one, else the Chinese one."""
    is_english = (get_language() or "").startswith("en")
    return english if is_english and english else chinese
