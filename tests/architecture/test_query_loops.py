"""Negative control: the watch over queries in loops, which runs in every test that calls a view, does bark."""

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from zeal.errors import NPlusOneError


def list_in_a_loop(request: HttpRequest) -> HttpResponse:
    return HttpResponse(",".join(permission.content_type.model for permission in Permission.objects.all()[:5]))


def list_at_once(request: HttpRequest) -> HttpResponse:
    permissions = Permission.objects.select_related("content_type")[:5]
    return HttpResponse(",".join(permission.content_type.model for permission in permissions))


urlpatterns = [path("loop", list_in_a_loop), path("once", list_at_once)]


@pytest.mark.django_db
@override_settings(ROOT_URLCONF=__name__)
def test_a_query_in_a_loop_fails_the_test(client: Client):
    assert client.get("/once").status_code == 200
    with pytest.raises(NPlusOneError):
        client.get("/loop")
