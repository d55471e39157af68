"""The one reader of environment variables; `.env` in the project's root is read when it is there."""

from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(ROOT / ".env", overwrite=False)
