"""Tests: everything private to the run; conftest.py starts the servers and says in the environment where they are."""

from pathlib import Path

from config.settings.base import *  # noqa: F403
from config.settings.databases import DATABASES

PGS_DEPLOYMENT = "test"

for _alias, _database in DATABASES.items():
    if _database["ENGINE"].endswith("sqlite3"):
        # Files, not memory: threads and other processes work on them too.
        _database["TEST"] = {"NAME": str(Path(_database["NAME"]).with_name(f"test_{_alias}.sqlite3"))}

# Argon2 takes its time by design; tests that judge it override this.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Without the manifest that collectstatic writes.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
