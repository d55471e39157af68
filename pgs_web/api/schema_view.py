"""The published schema over HTTP: YAML, or JSON for who asks for it."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.encoding import force_bytes
from django.utils.translation import gettext_lazy as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from pgs_web.api.pagination import invalid_parameter

DOCUMENTATION_LANGUAGE = "en"
RENDERERS: dict[str, type[BaseRenderer]] = {"yaml": OpenApiYamlRenderer, "json": OpenApiJsonRenderer}


class SchemaView(APIView):
    """`?format=json` or `yaml`, else as `Accept` says, else YAML; `?lang=zh-hans` translates what is translated."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # It doesn't describe itself.
    schema: Any = None

    def get(self, request: Request) -> HttpResponse:
        form = read_form(request)
        content = render_schema(form, read_language(request))
        response = HttpResponse(content, content_type=f"{RENDERERS[form].media_type}; charset=utf-8")
        response.headers["Content-Disposition"] = f'inline; filename="pgs_api_v1.{form}"'
        patch_vary_headers(response, ["Accept"])
        return response


def read_form(request: Request) -> str:
    """`yaml` or `json`; raises a validation error for another `?format=`."""
    asked = request.query_params.get("format")
    if asked is None:
        return "json" if "json" in request.headers.get("Accept", "") else "yaml"
    if asked not in RENDERERS:
        raise invalid_parameter("format", _("Give one of: {choices}.").format(choices=", ".join(RENDERERS)))
    return asked


def read_language(request: Request) -> str:
    """One of the shop's languages; raises a validation error for another `?lang=`."""
    asked = request.query_params.get("lang")
    if asked is None:
        # Not the reader's: what describes a call is English, and half of a page in each language reads badly.
        return DOCUMENTATION_LANGUAGE
    languages = dict(settings.LANGUAGES)
    if asked not in languages:
        raise invalid_parameter("lang", _("Give one of: {choices}.").format(choices=", ".join(languages)))
    return asked


@lru_cache(maxsize=8)
def render_schema(form: str, language: str) -> bytes:
    """The whole document. Building it takes half a second of a processor, so each is built once a process."""
    with translation.override(language):
        document = SchemaGenerator().get_schema(request=None, public=True)
        return force_bytes(RENDERERS[form]().render(document, renderer_context={}))
