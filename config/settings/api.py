"""The shoppers' API: Django REST framework, its schema, tokens and rates."""

from datetime import timedelta
from typing import Any

from config.env import env

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "pgs_web.api.schema.ProblemAutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": ["pgs_web.member.authentication.MemberTokenAuthentication"],
    # A view that is open to everybody says so itself.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["pgs_web.api.parsers.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "pgs_web.api.parsers.JsonOnly",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": "pgs_web.api.pagination.PageCursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DRF_STANDARDIZED_ERRORS: dict[str, Any] = {
    "EXCEPTION_HANDLER_CLASS": "pgs_web.api.exception_handler.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "pgs_web.api.exception_handler.ProblemFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "PGS shoppers' API",
    "DESCRIPTION": (
        "Group buying: enough members pay before the deadline and everybody's order ships; else everybody is refunded."
        "\n\n"
        "1. **Sign in** with `POST /auth/tokens/`; send `access` as `Authorization: Bearer …`.\n"
        "2. **Choose** from `GET /activities/`, and have an address (`POST /members/me/addresses/`).\n"
        "3. **Buy** with `POST /orders/` and an `Idempotency-Key` of your own: without `group_id` you open a group, "
        "with it you join one. 202 means that units and place are yours until `pay_by`.\n"
        "4. **Pay** with `POST /payments/` and do what `pay` says.\n"
        "5. **Follow** `GET /orders/{order_id}/` and share `GET /groups/{group_id}/`.\n\n"
        "Ids are strings, money is integer fen (`…_fen`, 100 fen are ¥1), times are ISO 8601 in UTC. Lists go on with "
        "`next`. Errors are `application/problem+json` in the language of `Accept-Language` (`zh-Hans`, `en`): decide "
        "by `code`, show `detail`, wait for `Retry-After` where it is sent, quote `trace_id` when you ask for help."
    ),
    # The order in which a shopper meets them.
    "TAGS": [
        {"name": "home", "description": "The front page."},
        {"name": "products", "description": "The catalogue."},
        {"name": "activities", "description": "Offers: what can be bought in a group, when and for how much."},
        {"name": "groups", "description": "The page behind a shared link."},
        {"name": "auth", "description": "Signing in and out."},
        {"name": "members", "description": "You."},
        {"name": "addresses", "description": "Where your orders go."},
        {"name": "orders", "description": "Buying, and what becomes of it."},
        {"name": "payments", "description": "Paying an order."},
        {"name": "refunds", "description": "Money on its way back."},
        {"name": "plays", "description": "Games that bring members together."},
    ],
    "VERSION": "1",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "defaultModelsExpandDepth": 0,
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENFORCE_NON_BLANK_FIELDS": True,
    # The words explain themselves; a list of "word - word" does not.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Sets of words that several schemas use: one name each, whatever the fields are called.
    "ENUM_NAME_OVERRIDES": {
        "ShownActivityState": "pgs_web.display.activity.serializers.STATES",
        "GroupState": "pgs_web.trade.group.states.GroupState",
        "OrderMode": "pgs_web.trade.order.models.OrderMode.values",
        "NoticeStatus": "pgs_task.payment.states.NoticeStatus",
        "MemberState": "pgs_web.member.states.MemberState",
        "OrderState": "pgs_web.trade.order.states.OrderState",
        "PaymentState": "pgs_task.payment.states.PaymentState",
        "RefundState": "pgs_task.payment.states.RefundState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "pgs_web.api.schema.add_problems",
    ],
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
    },
}
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": env("JWT_SIGNING_KEY", default="jwt-key-for-demo-and-tests-only-0123456789"),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=60)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=30)),
    "USER_ID_CLAIM": "member_id",
    "ISSUER": "pgs",
}

# Turns/seconds. An office or a mobile carrier shows one address for many shoppers: the rates of an address are wide.
RATES: dict[str, str] = {
    "sms_code_phone_soon": env("RATE_SMS_CODE_PHONE_SOON", default="1/60"),
    "sms_code_phone": env("RATE_SMS_CODE_PHONE", default="10/86400"),
    "sms_code_address": env("RATE_SMS_CODE_ADDRESS", default="60/3600"),
    "sign_in_subject": env("RATE_SIGN_IN_SUBJECT", default="10/300"),
    "sign_in_address": env("RATE_SIGN_IN_ADDRESS", default="120/600"),
    "device_address": env("RATE_DEVICE_ADDRESS", default="60/3600"),
    "refresh_session": env("RATE_REFRESH_SESSION", default="30/300"),
}

# `sandbox` writes messages where the demo and the tests read them; `alibaba_cloud` sends them.
SMS_PROVIDER: str = env("SMS_PROVIDER", default="sandbox")
ALIBABA_CLOUD_SMS: dict[str, str] = {
    "endpoint": env("ALIBABA_CLOUD_SMS_ENDPOINT", default="https://dysmsapi.aliyuncs.com/"),
    "region": env("ALIBABA_CLOUD_SMS_REGION", default="cn-hangzhou"),
    "access_key_id": env("ALIBABA_CLOUD_ACCESS_KEY_ID", default=""),
    "access_key_secret": env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", default=""),
    "sign_name": env("ALIBABA_CLOUD_SMS_SIGN_NAME", default=""),
    "template_code": env("ALIBABA_CLOUD_SMS_TEMPLATE_CODE", default=""),
}
# How long "this address belongs to this member" is remembered in Redis.
ADDRESS_OWNER_SECONDS: int = env.int("ADDRESS_OWNER_SECONDS", default=600)
