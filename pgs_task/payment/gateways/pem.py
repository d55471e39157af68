"""Keys and certificates from settings: the PEM text itself, or the path of a file that holds it."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

LARGEST_PEM = 65_536


def read_pem(*, name: str, value: str) -> str:
    """The PEM text that the setting `name` holds or points to; raises ImproperlyConfigured without quoting it."""
    text = value
    if "-----BEGIN" not in value:
        try:
            with Path(value).open("rb") as file:
                text = file.read(LARGEST_PEM).decode("ascii")
        except (OSError, ValueError) as error:
            raise ImproperlyConfigured(f"{name} is neither a PEM text nor a file that can be read.") from error
        if "-----BEGIN" not in text:
            raise ImproperlyConfigured(f"The file of {name} holds no PEM text.")
    # In an environment file a line's end is written as two characters.
    return text.replace("\\n", "\n").replace("\r\n", "\n").strip() + "\n"
