"""Activities as shoppers' clients read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.paging import ORDERINGS
from pgs_web.display.activity.selectors import Moment
from pgs_web.display.activity.states import SHOWN_TO_SHOPPERS, LeaderLeaves
from pgs_web.display.product.categories import Category
from pgs_web.display.product.language import choose_text
from pgs_web.display.product.models import Product
from pgs_web.display.product.serializers import LONGEST_SEARCH, MerchantSerializer, SkuSerializer, picture_url

STATES = sorted(state.value for state in SHOWN_TO_SHOPPERS)


class ActivityQuery(serializers.Serializer[Any]):
    """What `GET /activities/` may be asked."""

    state = serializers.ChoiceField(
        required=False, choices=STATES, help_text=_("Without it: everything that hasn't ended.")
    )
    play = serializers.RegexField(r"^[a-z][a-z0-9_]{0,31}$", required=False, help_text=_("Code of a play."))
    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_SEARCH,
        help_text=_("Part of the title of the activity or its product."),
    )
    ordering = serializers.ChoiceField(
        required=False, choices=ORDERINGS, default=ORDERINGS[0], help_text=_("A minus sign reverses.")
    )
    product = IdField(required=False, help_text=_("A product's id."))
    category = serializers.ChoiceField(required=False, choices=Category.values, help_text=_("A shelf of the shop."))


class StockSerializer(serializers.Serializer[ActivityStock]):
    """Units of an activity, `age_seconds` old; an order is always decided on the exact figures."""

    total = serializers.IntegerField()
    remain = serializers.IntegerField(help_text=_("Can be bought."))
    lock = serializers.IntegerField(help_text=_("Ordered, not paid yet."))
    sold = serializers.IntegerField()
    age_seconds = serializers.SerializerMethodField(help_text=_("The figures may be this old."))

    def get_age_seconds(self, stock: ActivityStock) -> int:
        moment: Moment = self.context["moment"]
        return moment.stock_age_seconds(stock)


class ActivityProductSerializer(serializers.Serializer[Product]):
    id = IdField(source="pk")
    title = serializers.SerializerMethodField()
    category = serializers.ChoiceField(choices=Category.values)
    picture_url = serializers.SerializerMethodField()
    merchant = MerchantSerializer()

    def get_title(self, product: Product) -> str:
        return choose_text(product.title, product.title_en)

    @extend_schema_field({"type": "string", "format": "uri-reference", "nullable": True})
    def get_picture_url(self, product: Product) -> str | None:
        return picture_url(product)


class ActivitySerializer(serializers.Serializer[Activity]):
    """An offer: who buys in a group of `group_size` pays `price_fen`, who buys alone `alone_price_fen`."""

    id = IdField(source="pk")
    title = serializers.SerializerMethodField()
    play = serializers.CharField(
        help_text=_("`standard`: sold to everybody. Else the game that sells it, to members whom it gave a pass.")
    )
    state = serializers.SerializerMethodField()
    price_fen = serializers.IntegerField()
    alone_price_fen = serializers.IntegerField()
    group_size = serializers.IntegerField()
    member_limit = serializers.IntegerField()
    starts_at = serializers.DateTimeField(default_timezone=UTC, help_text=_("From this moment on."))
    ends_at = serializers.DateTimeField(default_timezone=UTC, help_text=_("At this moment not any more."))
    group_lasts_seconds = serializers.IntegerField()
    pay_within_seconds = serializers.IntegerField()
    leader_leaves = serializers.ChoiceField(
        choices=list(LeaderLeaves), help_text=_("What happens to a group whose leader leaves it.")
    )
    guaranteed_seats = serializers.IntegerField(
        help_text=_("So many missing seats of a group the merchant may fill at its deadline, openly.")
    )
    new_seats = serializers.IntegerField(
        help_text=_("So many members of a group, its leader not counted, must be new: never have paid an order before.")
    )
    rules_version = serializers.IntegerField()
    sku = SkuSerializer()
    product = ActivityProductSerializer(source="sku.product")
    stock = serializers.SerializerMethodField()

    def get_title(self, activity: Activity) -> str:
        return choose_text(activity.title, activity.title_en)

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, activity: Activity) -> str:
        moment: Moment = self.context["moment"]
        return moment.state_of(activity).value

    @extend_schema_field(StockSerializer(allow_null=True))
    def get_stock(self, activity: Activity) -> dict[str, Any] | None:
        # A reverse one-to-one raises when there is no row: the first sync is still to come.
        stock = getattr(activity, "stock", None)
        return None if stock is None else StockSerializer(stock, context=self.context).data


class ActivityPageSerializer(ActivitySerializer):
    """One activity with the clock that its window is judged by."""

    server_time = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DateTimeField())
    def get_server_time(self, activity: Activity) -> str:
        return utc_text(self.context["moment"])


def utc_text(moment: Moment) -> str:
    """The moment's clock in the API's spelling."""
    return str(serializers.DateTimeField(default_timezone=UTC).to_representation(moment.now))
