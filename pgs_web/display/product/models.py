"""Merchants and what they sell."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_web.display.product.categories import Category
from pgs_web.display.product.pictures import name_picture, validate_picture


class Merchant(models.Model):
    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    is_open = models.BooleanField(_("is open"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    merchant = models.ForeignKey(Merchant, verbose_name=_("merchant"), on_delete=models.PROTECT)
    code = models.CharField(_("code"), max_length=40)
    category = models.CharField(_("category"), max_length=16, choices=Category.choices, default=Category.OTHER)
    title = models.CharField(_("title"), max_length=120)
    title_en = models.CharField(_("English title"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    description_en = models.TextField(_("English description"), blank=True)
    picture = models.FileField(_("picture"), upload_to=name_picture, validators=[validate_picture], blank=True)
    is_on_shelf = models.BooleanField(_("is on the shelf"), default=True, db_index=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["merchant", "code"], name="product_once_a_merchant")]
        indexes = [models.Index(fields=["category", "id"], name="product_category")]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Sku(models.Model):
    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.PROTECT, related_name="skus")
    code = models.CharField(_("code"), max_length=60, unique=True)
    title = models.CharField(_("variant"), max_length=80, blank=True)
    title_en = models.CharField(_("English variant"), max_length=80, blank=True)
    price_fen = models.BigIntegerField(_("normal price (fen)"), validators=[MinValueValidator(1)])
    physical_stock = models.PositiveIntegerField(_("physical stock"), default=0)
    is_on_shelf = models.BooleanField(_("is on the shelf"), default=True)

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        constraints = [models.CheckConstraint(condition=models.Q(price_fen__gt=0), name="sku_price_positive")]

    def __str__(self) -> str:
        return self.code
