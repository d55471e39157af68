"""Merchants, products and SKUs in the back office."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from pgs_admin.audit import changes_of, note_outcome, record_act, record_acts
from pgs_admin.product.exchange import ProductExchange
from pgs_admin.tables import column, show_yuan
from pgs_web.display.product.models import Merchant, Product, Sku
from pgs_web.display.product.services import change_shelf, save_catalogue_row

# Products that one press of a button may put on the shelf or take off.
SHELF_AT_ONCE = 500


class CatalogueAdmin(ModelAdmin):
    """Rows are written through the catalogue's service, with an audit row that says what changed; never deleted."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    warn_unsaved_form = True

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        """Django's hook, inside its transaction: the row and its audit row are there together or not at all."""
        entry = record_act(
            request,
            model=self.model,
            target_id=obj.pk if change else None,
            act="change" if change else "add",
            changes=changes_of(form),
        )
        save_catalogue_row(row=obj)
        note_outcome(entry, "done", target_id=obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Merchant)
class MerchantAdmin(CatalogueAdmin):
    list_display = ("code", "name", "name_en", "is_open", "created_at")
    list_filter = ("is_open",)
    search_fields = ("code", "name", "name_en")
    fields = (("code", "is_open"), ("name", "name_en"))


class SkuInline(TabularInline):
    """The variants, for looking; they are edited on their own page."""

    model = Sku
    fields = ("code", "title", "price", "physical_stock", "is_on_shelf")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    price = column(gettext_lazy("normal price"), "price_fen", show_yuan)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Product)
class ProductAdmin(CatalogueAdmin, ProductExchange):
    list_display = ("show_picture", "code", "title", "category", "merchant", "is_on_shelf", "updated_at")
    list_display_links = ("code", "title")
    list_select_related = ("merchant",)
    list_filter = ("is_on_shelf", "category")
    search_fields = ("code", "title", "title_en")
    ordering = ("-id",)
    autocomplete_fields = ("merchant",)
    actions = ("put_on_shelf", "take_off_shelf")
    inlines = (SkuInline,)
    fields = (
        ("merchant", "code", "category"),
        ("title", "title_en"),
        "is_on_shelf",
        "picture",
        "description",
        "description_en",
    )

    @display(description="")
    def show_picture(self, product: Product) -> SafeString | str:
        if not product.picture:
            return ""
        return format_html(
            '<img src="{}" alt="" loading="lazy" style="width:40px;height:40px;object-fit:cover;border-radius:6px">',
            product.picture.url,
        )

    @action(description=gettext_lazy("Put on the shelf"), permissions=["change"])
    def put_on_shelf(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_shelf(request, queryset, is_on_shelf=True)

    @action(description=gettext_lazy("Take off the shelf"), permissions=["change"])
    def take_off_shelf(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_shelf(request, queryset, is_on_shelf=False)

    def _change_shelf(self, request: HttpRequest, queryset: QuerySet[Product], *, is_on_shelf: bool) -> None:
        ids = list(queryset.values_list("pk", flat=True)[: SHELF_AT_ONCE + 1])
        if len(ids) > SHELF_AT_ONCE:
            messages.error(request, _("Choose at most %(most)d products at once.") % {"most": SHELF_AT_ONCE})
            return
        record_acts(request, model=Product, target_ids=ids, act="put_on_shelf" if is_on_shelf else "take_off_shelf")
        changed = change_shelf(product_ids=ids, is_on_shelf=is_on_shelf)
        messages.success(request, _("%(count)d products changed.") % {"count": changed})


@admin.register(Sku)
class SkuAdmin(CatalogueAdmin):
    list_display = ("code", "product", "title", "show_price", "physical_stock", "is_on_shelf")
    list_select_related = ("product",)
    list_filter = ("is_on_shelf",)
    search_fields = ("code", "product__title", "product__title_en")
    ordering = ("-id",)
    autocomplete_fields = ("product",)
    fields = (("product", "code"), ("title", "title_en"), ("price_fen", "physical_stock"), "is_on_shelf")

    show_price = column(gettext_lazy("normal price"), "price_fen", show_yuan)
