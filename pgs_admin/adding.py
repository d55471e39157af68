"""Pages whose rows are written by services: nothing around them is a transaction, and refusals are said."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from pgs_admin.acts import say_outage, say_refusal
from pgs_web.api.errors import OUTAGES


class WithoutTransaction(DjangoModelAdmin):
    """Stands after unfold's ModelAdmin. Django would open a transaction around the whole view: Redis would follow, and
    an audit row go with, what a rollback takes back. The services open their own."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response: HttpResponse = self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]
        return response


class AddOnlyAdmin(ModelAdmin, WithoutTransaction):
    """Base of pages whose rows are added by a form that a service judges, and are looked at afterwards."""

    ordering = ("-id",)
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As in Django; a refusal or an outage is said, and the page read anew."""
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
            return response.render() if hasattr(response, "render") else response
        except ValidationError as refusal:
            messages.error(request, say_refusal(refusal))
        except OUTAGES:
            messages.error(request, say_outage())
        return HttpResponseRedirect("../" if object_id is None else "../../")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
