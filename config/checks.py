"""What must not reach production: `manage.py check` and every command refuse it, with the way out."""

import os
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from pgs_data.encryption import parse_keys
from pgs_task.payment.gateways.registry import make_gateway

# In every default secret of config/settings.
DEMO_MARK = "for-demo-and-tests-only"
DEMO_FIELD_KEY = b"demo-and-test-key-of-32-bytes!!!"
SHORTEST_SECRET = 32
LOCAL_HOSTS = {"127.0.0.1", "localhost", "testserver", "[::1]", "*"}
MAKE_SECRET = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105  # nosec B105
MAKE_FIELD_KEY = "python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"


@register(Tags.security)
def check_encryption_keys(**_options: Any) -> list[CheckMessage]:
    """In any deployment: keys that can't be used are found at the start, not at the first sign-in."""
    try:
        parse_keys(settings.FIELD_ENCRYPTION_KEYS)
    except ImproperlyConfigured as error:
        return [Error(str(error), hint=f"Make a key: {MAKE_FIELD_KEY}", id="pgs.E001")]
    return []


@register(Tags.security)
def check_gateways(**_options: Any) -> list[CheckMessage]:
    """In any deployment: a gateway that is on without its keys is found at the start, not by the first shopper."""
    return list(find_unusable_gateways())


def find_unusable_gateways() -> Iterator[CheckMessage]:
    for code in settings.PAYMENT_GATEWAYS:
        try:
            # Reads keys and asks nobody. The adapter stays for the first payment.
            make_gateway(code)
        except ImproperlyConfigured as error:
            yield Error(
                f"The gateway {code} can't be used: {error}",
                hint="Set its variables of .env.example, or take it out of PAYMENT_GATEWAYS.",
                id="pgs.E015",
            )


@register(Tags.security)
def check_production(**_options: Any) -> list[CheckMessage]:
    """In production: nothing of the demo is left."""
    if settings.PGS_DEPLOYMENT != "production":
        return []
    return [
        *find_unsafe_secrets(),
        *find_unsafe_web(),
        *find_databases_in_files(),
        *find_sandboxes(),
        *find_wanted_crashes(),
    ]


def find_unsafe_secrets() -> Iterator[CheckMessage]:
    secrets = {
        "pgs.E002": ("SECRET_KEY", settings.SECRET_KEY),
        "pgs.E003": ("JWT_SIGNING_KEY", settings.SIMPLE_JWT["SIGNING_KEY"]),
        "pgs.E004": ("BLIND_INDEX_KEY", settings.BLIND_INDEX_KEY),
    }
    values = [value for _name, value in secrets.values()]
    for check_id, (name, value) in secrets.items():
        if DEMO_MARK in value:
            yield Error(f"{name} is the demo's, which everybody knows.", hint=f"Make one: {MAKE_SECRET}", id=check_id)
        elif len(value) < SHORTEST_SECRET:
            yield Error(
                f"{name} is shorter than {SHORTEST_SECRET} characters.", hint=f"Make one: {MAKE_SECRET}", id=check_id
            )
        elif values.count(value) > 1:
            yield Error(f"{name} is also another secret.", hint="Give each purpose a secret of its own.", id=check_id)
    keys = [entry.partition(":")[2] for entry in settings.FIELD_ENCRYPTION_KEYS.split(",")]
    if any(is_demo_field_key(key) for key in keys):
        yield Error(
            "FIELD_ENCRYPTION_KEYS holds the demo's key: phones and addresses would be readable by everybody.",
            hint=f"Write id:key with a key of your own: {MAKE_FIELD_KEY}",
            id="pgs.E005",
        )


def is_demo_field_key(encoded: str) -> bool:
    try:
        return b64decode(encoded) == DEMO_FIELD_KEY
    except ValueError:
        # E001 says so.
        return False


def find_unsafe_web() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error("DEBUG is on: error pages show code and settings.", hint="Remove DEBUG.", id="pgs.E006")
    if not settings.ALLOWED_HOSTS or LOCAL_HOSTS & set(settings.ALLOWED_HOSTS):
        yield Error(
            f"ALLOWED_HOSTS is {settings.ALLOWED_HOSTS}: it must name your own hosts and nothing else.",
            hint="Set ALLOWED_HOSTS=shop.example.com",
            id="pgs.E007",
        )
    insecure = [
        name
        for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
        if not getattr(settings, name)
    ]
    if insecure:
        yield Error(f"Off: {insecure}.", hint="Use config.settings.prod, which turns them on.", id="pgs.E008")
    if getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False):
        yield Error(
            "CORS_ALLOW_ALL_ORIGINS lets every site call the API.", hint="Set CORS_ALLOWED_ORIGINS.", id="pgs.E009"
        )
    if not settings.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher"):
        yield Error("Passwords aren't hashed by argon2.", hint="Remove PASSWORD_HASHERS.", id="pgs.E010")


def find_databases_in_files() -> Iterator[CheckMessage]:
    in_files = sorted(alias for alias, options in settings.DATABASES.items() if options["ENGINE"].endswith("sqlite3"))
    if in_files:
        yield Error(
            f"The databases {in_files} are SQLite files of this machine: other processes would sell from others.",
            hint="Set DATABASE_URL, NODE_DATABASE_URLS and BACKUP_DATABASE_URL.",
            id="pgs.E014",
        )


def find_sandboxes() -> Iterator[CheckMessage]:
    if "sandbox" in settings.PAYMENT_GATEWAYS:
        yield Error(
            "The sandbox gateway would let everybody pay with nothing.",
            hint="Set PAYMENT_GATEWAYS to the gateways that you have a contract with.",
            id="pgs.E011",
        )
    if settings.SMS_PROVIDER == "sandbox":
        yield Error(
            "The sandbox SMS provider sends no messages.", hint="Set SMS_PROVIDER=alibaba_cloud.", id="pgs.E012"
        )
    elif settings.SMS_PROVIDER == "alibaba_cloud":
        missing = [name for name, value in settings.ALIBABA_CLOUD_SMS.items() if not value]
        if missing:
            hint = "Set the variables ALIBABA_CLOUD_… of .env.example."
            yield Error(f"SMS_PROVIDER=alibaba_cloud lacks {missing}.", hint=hint, id="pgs.E013")
    else:
        hint = "Set SMS_PROVIDER=alibaba_cloud."
        yield Error(f"SMS_PROVIDER={settings.SMS_PROVIDER!r} is unknown.", hint=hint, id="pgs.E013")


def find_wanted_crashes() -> Iterator[CheckMessage]:
    if os.environ.get("PGS_CRASH_AT"):
        yield Error("PGS_CRASH_AT lets a process kill itself: it is for drills.", hint="Unset it.", id="pgs.E016")


def refuse_unsafe_production() -> None:
    """For processes that Django's commands don't start: raises ImproperlyConfigured with what the checks found."""
    problems = [*check_encryption_keys(), *check_gateways(), *check_production()]
    if problems:
        raise ImproperlyConfigured("\n".join(str(problem) for problem in problems))
