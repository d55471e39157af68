"""The one reader of environment variables.

Real variables win over a file. The file is the one that PGS_ENV_FILE names, else `.env` in the project's root, else
the addresses of the demo that runs in `var/demo`: so `manage.py check_invariants` in a second terminal just works.
"""

import os
from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parent.parent

env = environ.Env()


def find_env_file() -> Path | None:
    """The file to read, or None."""
    named = os.environ.get("PGS_ENV_FILE")
    candidates = [Path(named)] if named is not None else [ROOT / ".env", ROOT / "var" / "demo" / "shop.env"]
    return next((path for path in candidates if path.is_file()), None)


if (env_file := find_env_file()) is not None:
    environ.Env.read_env(env_file, overwrite=False)
