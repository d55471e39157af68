"""The one reader of environment variables; the file `.env` in the project's root is read when it is there."""

import os
from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parent.parent

env = environ.Env()
# The real environment wins over the file. PGS_ENV_FILE names another file; tests name none.
ENV_FILE = Path(os.environ.get("PGS_ENV_FILE", ROOT / ".env"))
environ.Env.read_env(ENV_FILE, overwrite=False)
