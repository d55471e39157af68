"""What every deployment shares; each subject has a file of its own beside this one."""

from config.env import ROOT, env
from config.installed_plays import installed_plays
from config.processes import PROCESSES as PROCESSES
from config.settings.api import *  # noqa: F403
from config.settings.back_office import FORMAT_MODULE_PATH as FORMAT_MODULE_PATH
from config.settings.back_office import LOGIN_REDIRECT_URL as LOGIN_REDIRECT_URL
from config.settings.back_office import UNFOLD as UNFOLD
from config.settings.celery import *  # noqa: F403
from config.settings.databases import *  # noqa: F403
from config.settings.drain import *  # noqa: F403
from config.settings.logging import *  # noqa: F403
from config.settings.observability import *  # noqa: F403
from config.settings.payment import *  # noqa: F403
from config.settings.plays import PLAYS as PLAYS
from config.settings.receiving import *  # noqa: F403
from config.settings.redis import *  # noqa: F403
from config.settings.security import *  # noqa: F403
from config.settings.trade import *  # noqa: F403
from config.settings.web import *  # noqa: F403

BASE_DIR = ROOT
DEBUG = False
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "config.apps.HouseConfig",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "corsheaders",
    "csp",
    "axes",
    "auditlog",
    "import_export",
    "django_celery_beat",
    "django_structlog",
    "django_prometheus",
    "pgs_data",
    "pgs_data.messaging",
    "pgs_web.api",
    "pgs_web.member",
    "pgs_web.display.product",
    "pgs_web.display.activity",
    "pgs_web.display.home",
    "pgs_web.trade.stock",
    "pgs_web.trade.group",
    "pgs_web.trade.coupon",
    "pgs_web.trade.order",
    "pgs_web.trade.after_sale",
    "pgs_web.trade.intake",
    "pgs_web.trade.delivery",
    "pgs_web.plays",
    "pgs_web.plays.figures",
    "pgs_web.plays.eligibility",
    "pgs_web.plays.purchases",
    *installed_plays(PLAYS),
    "pgs_task.journal",
    "pgs_task.payment",
    "pgs_task.payment.configuration",
    "pgs_task.payment.anomalies",
    "pgs_task.payment.sandbox_gateway",
    "pgs_task.statements",
    "pgs_task.play_messages",
    "pgs_task.rescue",
    "pgs_task.settlement",
    "pgs_task.order_drain",
    "pgs_task.outbox_relay",
    "pgs_task.stock_sync",
    "pgs_task.stock_archive",
    "pgs_task.group_expiry",
    "pgs_task.logistics",
    "pgs_task.reconciliation",
    "pgs_task.replay",
    "pgs_task.simulation",
    "pgs_task.demo",
    "pgs_admin",
]

MIDDLEWARE = [
    "pgs_web.api.middleware.trace_requests",
    "config.health.answer_probes",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "pgs_web.api.middleware.limit_bodies",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "pgs_admin.content_policy.allow_evaluation",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "axes.middleware.AxesMiddleware",
    "pgs_web.api.middleware.ApiConventions",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(ROOT / "staticfiles"))()
# Served under its own name: every browser asks for /favicon.ico, the back office's too.
WHITENOISE_ROOT = ROOT / "pgs_web" / "public"
MEDIA_URL = "/media/"
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(ROOT / "var" / "media"))()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
# The second holds what packages have not translated themselves; the first wins.
LOCALE_PATHS = [ROOT / "locale", ROOT / "locale_packages"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
