"""The shelves of the shop."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Category(TextChoices):
    FRUIT = "fruit", _("Fresh fruit")
    SNACKS = "snacks", _("Snacks and drinks")
    HOME = "home", _("Home and kitchen")
    DIGITAL = "digital", _("Digital")
    BABY = "baby", _("Baby and toys")
    SPORTS = "sports", _("Sports and outdoors")
    BEAUTY = "beauty", _("Personal care")
    OTHER = "other", _("Everything else")
