"""Tests: everything private to the run; conftest.py starts the servers and says in the environment where they are."""

from pathlib import Path

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS as SHOP_APPS
from config.settings.base import MIDDLEWARE as SHOP_MIDDLEWARE
from config.settings.databases import DATABASES

PGS_DEPLOYMENT = "test"
# `make check` asks it whether our migrations can be deployed while the previous release runs; a first migration of
# an app has no previous release.
INSTALLED_APPS = [*SHOP_APPS, "django_migration_linter", "zeal"]
MIGRATION_LINTER_OPTIONS = {
    "no_cache": True,
    "ignore_name_contains": "initial",
    # On SQLite, where it looks, it takes every new column for one without a default; tests/architecture judges them.
    "exclude_migration_tests": ["NOT_NULL"],
    "exclude_apps": [app.rpartition(".")[2] for app in SHOP_APPS if not app.startswith("pgs_")],
}
# A query in a loop of a view fails the test.
MIDDLEWARE = [*SHOP_MIDDLEWARE, "zeal.middleware.zeal_middleware"]
ZEAL_RAISE = True

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
