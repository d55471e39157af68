"""Keys, hosts, cookies, content policy."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE

from config.env import env

SECRET_KEY: str = env("SECRET_KEY", default="django-secret-for-demo-and-tests-only-0123456789abcdef")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "testserver"])
# The first key encrypts, all decrypt; 32 bytes in base64 each: "id:key,id:key". To change keys put the new one first,
# run `manage.py reencrypt_fields`, then take the old one out.
FIELD_ENCRYPTION_KEYS: str = env("FIELD_ENCRYPTION_KEYS", default="demo:ZGVtby1hbmQtdGVzdC1rZXktb2YtMzItYnl0ZXMhISE=")
# Phones are found by it: changing it makes members unfindable.
BLIND_INDEX_KEY: str = env("BLIND_INDEX_KEY", default="blind-index-key-for-demo-and-tests-only")

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "style-src": [SELF, UNSAFE_INLINE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}
PERMISSIONS_POLICY: dict[str, list[str]] = {"camera": [], "geolocation": [], "microphone": []}
# Cookies are the back office's; the API knows tokens only.
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "x-device",
    "x-trace-id",
    "traceparent",
]
CORS_EXPOSE_HEADERS = ["X-Trace-Id", "Retry-After", "Location"]
