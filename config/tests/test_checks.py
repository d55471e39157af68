import base64
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from config.checks import check_encryption_keys, check_gateways, check_production, refuse_unsafe_production

OFFERED = "pgs_task.payment.alipay.tests.making"
PROVIDER = {"endpoint": "x", "region": "x", "access_key_id": "x", "access_key_secret": "x"}


@pytest.fixture
def production(settings, monkeypatch):
    """Settings that may go to production."""
    for options in settings.DATABASES.values():
        monkeypatch.setitem(options, "ENGINE", "django.db.backends.mysql")
    settings.PGS_DEPLOYMENT = "production"
    settings.SECRET_KEY = "a" * 64
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": "b" * 64}
    settings.BLIND_INDEX_KEY = "c" * 64
    settings.FIELD_ENCRYPTION_KEYS = f"k1:{base64.b64encode(os.urandom(32)).decode()}"
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    settings.PAYMENT_GATEWAYS = ["offered"]
    settings.PAYMENT_GATEWAY_ADAPTERS = {**settings.PAYMENT_GATEWAY_ADAPTERS, "offered": f"{OFFERED}.OfferedAlipay"}
    settings.SMS_PROVIDER = "alibaba_cloud"
    settings.ALIBABA_CLOUD_SMS = {**PROVIDER, "sign_name": "x", "template_code": "x"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    settings.DEBUG = False
    for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"):
        setattr(settings, name, True)
    return settings


def found():
    return [problem.id for problem in [*check_encryption_keys(), *check_production()]]


def test_good_settings_pass(production):
    assert found() == []
    refuse_unsafe_production()


def test_one_database_in_a_file_is_refused(production, monkeypatch):
    monkeypatch.setitem(production.DATABASES["node1"], "ENGINE", "django.db.backends.sqlite3")
    (problem,) = check_production()
    assert (problem.id, "['node1']" in problem.msg) == ("pgs.E014", True)


def test_the_demo_is_left_alone():
    assert found() == []


DEMO_KEY = "demo:ZGVtby1hbmQtdGVzdC1rZXktb2YtMzItYnl0ZXMhISE="


@pytest.mark.parametrize(
    ("name", "value", "check_id"),
    [
        ("SECRET_KEY", "django-secret-for-demo-and-tests-only-0123456789abcdef", "pgs.E002"),
        ("SECRET_KEY", "short", "pgs.E002"),
        ("SIMPLE_JWT", {"SIGNING_KEY": "jwt-key-for-demo-and-tests-only-0123456789"}, "pgs.E003"),
        ("SIMPLE_JWT", {"SIGNING_KEY": "c" * 31}, "pgs.E003"),
        ("BLIND_INDEX_KEY", "blind-index-key-for-demo-and-tests-only", "pgs.E004"),
        ("FIELD_ENCRYPTION_KEYS", DEMO_KEY, "pgs.E005"),
        ("FIELD_ENCRYPTION_KEYS", f"k1:{base64.b64encode(b'k' * 32).decode()},{DEMO_KEY}", "pgs.E005"),
        ("FIELD_ENCRYPTION_KEYS", "k1:short", "pgs.E001"),
        ("DEBUG", True, "pgs.E006"),
        ("ALLOWED_HOSTS", [], "pgs.E007"),
        ("ALLOWED_HOSTS", ["*"], "pgs.E007"),
        ("ALLOWED_HOSTS", ["shop.example.com", "localhost"], "pgs.E007"),
        ("SESSION_COOKIE_SECURE", False, "pgs.E008"),
        ("SECURE_HSTS_SECONDS", 0, "pgs.E008"),
        ("CORS_ALLOW_ALL_ORIGINS", True, "pgs.E009"),
        ("PASSWORD_HASHERS", ["django.contrib.auth.hashers.MD5PasswordHasher"], "pgs.E010"),
        ("PAYMENT_GATEWAYS", ["offered", "sandbox"], "pgs.E011"),
        ("SMS_PROVIDER", "sandbox", "pgs.E012"),
        ("SMS_PROVIDER", "pigeon", "pgs.E013"),
        ("ALIBABA_CLOUD_SMS", {**PROVIDER, "sign_name": "", "template_code": "x"}, "pgs.E013"),
    ],
)
def test_each_unsafe_setting_is_refused_with_a_way_out(production, name, value, check_id):
    setattr(production, name, value)
    problems = [*check_encryption_keys(), *check_production()]
    assert [problem.id for problem in problems] == [check_id]
    assert problems[0].hint
    if isinstance(value, str) and len(value) > 20:
        assert value not in str(problems[0])
    with pytest.raises(ImproperlyConfigured, match=check_id):
        refuse_unsafe_production()


def test_one_secret_for_two_purposes_is_refused(production):
    production.BLIND_INDEX_KEY = production.SECRET_KEY
    assert found() == ["pgs.E002", "pgs.E004"]


@pytest.mark.parametrize(
    ("gateways", "told"),
    [
        (["alipay"], "ALIPAY_APP_ID, ALIPAY_SELLER_ID, ALIPAY_PRIVATE_KEY, ALIPAY_PUBLIC_KEY, PAYMENT_NOTICE_BASE_URL"),
        (["wechat"], "WECHAT_MCHID, WECHAT_APPID, WECHAT_CERTIFICATE_SERIAL, WECHAT_PRIVATE_KEY, WECHAT_APIV3_KEY"),
        (["nobody"], "has no adapter"),
    ],
)
def test_a_gateway_without_its_keys_is_refused_in_any_deployment(settings, gateways, told):
    settings.PAYMENT_GATEWAYS = gateways
    (problem,) = check_gateways()
    assert (problem.id, told in problem.msg) == ("pgs.E015", True)
    assert problem.hint
    with pytest.raises(ImproperlyConfigured, match=r"pgs\.E015"):
        refuse_unsafe_production()


SERVERS = ["import config.asgi", "import config.receiving", "import config.wsgi"]
RUN_COMMAND = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"


@pytest.mark.slow
@pytest.mark.parametrize("code", [*SERVERS, RUN_COMMAND])
def test_the_processes_of_production_do_not_start_with_the_demos_keys(code):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.prod", "LOG_LEVEL": "ERROR"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "pgs.E002" in run.stderr


def test_a_process_that_is_to_kill_itself_does_not_start(production, monkeypatch):
    monkeypatch.setenv("PGS_CRASH_AT", "17")
    assert found() == ["pgs.E016"]
