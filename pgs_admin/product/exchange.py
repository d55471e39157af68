"""Products to and from a spreadsheet: CSV that a spreadsheet program shows as text and never runs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from import_export.admin import ImportExportModelAdmin
from import_export.fields import Field
from import_export.formats.base_formats import CSV
from import_export.resources import ModelResource
from import_export.results import Result
from import_export.widgets import CachedForeignKeyWidget
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from pgs_admin.audit import record_acts
from pgs_web.display.product.models import Merchant, Product
from pgs_web.display.product.services import save_catalogue_row

# A spreadsheet program takes a cell that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
ROWS_AN_IMPORT = 2_000


def disarm(text: str) -> str:
    """The text with an apostrophe in front when a spreadsheet program would run it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def rearm(text: str) -> str:
    """What `disarm` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


class ProductResource(ModelResource):
    """The columns of the file; a product is found by its merchant's code and its own."""

    merchant = Field("merchant", "merchant", widget=CachedForeignKeyWidget(Merchant, field="code"))

    class Meta:
        model = Product
        fields = (
            *("merchant", "code", "category", "title", "title_en", "description", "description_en"),
            "is_on_shelf",
        )
        export_order = fields
        import_id_fields = ("merchant", "code")
        skip_unchanged = True
        report_skipped = True
        use_transactions = True

    def export_field(self, field: Field, instance: Product, **kwargs: Any) -> Any:
        value = super().export_field(field, instance, **kwargs)
        return disarm(value) if isinstance(value, str) else value

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        if len(dataset) > ROWS_AN_IMPORT:
            raise ValidationError(_("A file has at most %(most)d products.") % {"most": ROWS_AN_IMPORT})
        # The library would ask for each row by itself.
        codes = {rearm(str(row.get("code") or "")) for row in dataset.dict}
        known = Product.objects.select_related("merchant").filter(code__in=codes)
        self._known = {(product.merchant.code, product.code): product for product in known}

    def get_instance(self, instance_loader: Any, row: Any) -> Product | None:
        """The library's hook: the product of the row's two codes, of those read at once."""
        return self._known.get((str(row.get("merchant") or ""), str(row.get("code") or "")))

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        for name, value in row.items():
            if isinstance(value, str):
                row[name] = rearm(value)

    def do_instance_save(self, instance: Product, is_create: bool) -> None:
        """The library's hook: rows are written through the catalogue's service."""
        save_catalogue_row(row=instance)


class ProductExchange(ImportExportModelAdmin):
    """Import and export buttons: who may edit products imports, who may see them exports."""

    resource_classes = [ProductResource]
    import_form_class = ImportForm
    export_form_class = ExportForm
    import_formats = export_formats = [CSV]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def generate_log_entries(self, result: Result, request: HttpRequest) -> None:
        """The library's hook after an import: one audit row a product."""
        ids = [row.object_id for row in result.rows if row.import_type in {row.IMPORT_TYPE_NEW, row.IMPORT_TYPE_UPDATE}]
        record_acts(request, model=Product, target_ids=ids, act="import")
