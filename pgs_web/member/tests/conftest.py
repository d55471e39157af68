"""Fixtures of this room. pytest may read this file before Django is set up: what needs Django is looked up by name."""

import pytest
from django.utils.module_loading import import_string


@pytest.fixture
def api():
    """A shopper's client; a bug is an answer of 500, as outside."""
    client_class = import_string("rest_framework.test.APIClient")
    return client_class(raise_request_exception=False, headers={"Accept-Language": "en"})


@pytest.fixture
def register():
    return import_string("pgs_web.member.services.registration.register_member")


@pytest.fixture
def member(db, register):
    return register(username="ada", password="a long password", nickname="小明")


@pytest.fixture
def other(db, register):
    return register(username="bob", password="another password")


@pytest.fixture
def signed_in(api, member):
    issue_tokens = import_string("pgs_web.member.tokens.issue_tokens")
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(member_id=member.id).access}")
    return api


@pytest.fixture(autouse=True)
def whole_cache():
    """A test that stops Redis leaves no break to the next one."""
    import_string("pgs_web.member.cache_break.cache_break").end()


@pytest.fixture(autouse=True)
def wide_rates(settings):
    """Tests of rates narrow them again."""
    settings.RATES = dict.fromkeys(settings.RATES, "10000/1")
