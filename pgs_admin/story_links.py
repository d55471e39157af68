"""Where the story of an order's money is."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


def show_story_link(order_id: int) -> SafeString:
    """Leads to everything about an order's money."""
    url = reverse("back_office:story", args=[order_id])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, _("the whole story of its money")
    )
