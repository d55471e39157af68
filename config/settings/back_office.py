"""The back office: its title, its navigation by subject, its languages, how it writes times."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.settings.payment import PAYMENT_GATEWAYS


def _link(title: Any, icon: str, name: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name if ":" in name else f"admin:{name}"),
        "permission": lambda request: _may(request, permission),
    }


def _may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(permission)


def name_environment(request: HttpRequest) -> list[str]:
    """The badge beside the title: [text, colour]."""
    name = settings.PGS_DEPLOYMENT
    return [name, {"production": "danger", "test": "warning"}.get(name, "info")]


# Where a sign-in without a page to go on to ends.
LOGIN_REDIRECT_URL = "admin:index"
FORMAT_MODULE_PATH = "pgs_admin.formats"

_SANDBOX_LINKS = (
    [_link(_("Sandbox faults"), "bug_report", "back_office:sandbox_faults", "sandbox_gateway.set_sandbox_faults")]
    if "sandbox" in PAYMENT_GATEWAYS
    else []
)

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("PGS back office"),
    "SITE_HEADER": _("PGS back office"),
    "SITE_SYMBOL": "groups",
    # There is no page of a shop to go back to.
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("pgs_admin/admin.css")],
    "DASHBOARD_CALLBACK": "pgs_admin.dashboard.fill_index",
    "ENVIRONMENT": "config.settings.back_office.name_environment",
    "COLORS": {
        "primary": {
            "50": "#fff4ed",
            "100": "#ffe6d5",
            "200": "#feccaa",
            "300": "#fdaa74",
            "400": "#fb7d3c",
            "500": "#f95d16",
            "600": "#ea430c",
            "700": "#c2300c",
            "800": "#9a2812",
            "900": "#7c2412",
            "950": "#430f07",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": _("Sale"),
                "items": [
                    _link(
                        _("Activities"),
                        "local_fire_department",
                        "activity_activity_changelist",
                        "activity.view_activity",
                    ),
                    _link(_("Games"), "stadia_controller", "back_office:plays", "plays.view_playswitch"),
                    _link(_("Products"), "inventory_2", "product_product_changelist", "product.view_product"),
                    _link(_("SKUs"), "sell", "product_sku_changelist", "product.view_sku"),
                    _link(_("Merchants"), "storefront", "product_merchant_changelist", "product.view_merchant"),
                ],
            },
            {
                "title": _("Trade"),
                "items": [
                    _link(_("Orders"), "receipt_long", "order_order_changelist", "order.view_order"),
                    _link(_("Groups"), "groups", "group_group_changelist", "group.view_group"),
                    _link(_("Guaranteed seats"), "handshake", "back_office:guarantees", "group.view_guarantee"),
                    _link(
                        _("Guaranteed completions"), "task_alt", "group_guarantee_changelist", "group.view_guarantee"
                    ),
                    _link(
                        _("Extensions"),
                        "more_time",
                        "group_deadlineextension_changelist",
                        "group.view_deadlineextension",
                    ),
                    _link(_("Coupons"), "confirmation_number", "coupon_coupon_changelist", "coupon.view_coupon"),
                    _link(
                        _("Coupon campaigns"),
                        "campaign",
                        "coupon_couponcampaign_changelist",
                        "coupon.view_couponcampaign",
                    ),
                    _link(_("Rescues"), "support", "rescue_rescue_changelist", "rescue.view_rescue"),
                    _link(_("Shipments"), "local_shipping", "delivery_shipment_changelist", "delivery.view_shipment"),
                ],
            },
            {
                "title": _("Money"),
                "items": [
                    _link(_("An order's money"), "manage_search", "back_office:find_story", "payment.view_payment"),
                    _link(_("Payments"), "payments", "payment_payment_changelist", "payment.view_payment"),
                    _link(_("Refunds"), "currency_exchange", "payment_refund_changelist", "payment.view_refund"),
                    _link(
                        _("After-sale"),
                        "assignment_return",
                        "after_sale_aftersalerequest_changelist",
                        "after_sale.view_aftersalerequest",
                    ),
                    _link(_("Notices"), "mark_email_read", "payment_notice_changelist", "payment.view_notice"),
                    _link(_("Anomalies"), "report", "anomalies_anomaly_changelist", "anomalies.view_anomaly"),
                    _link(
                        _("Reconciliation"),
                        "balance",
                        "statements_statementday_changelist",
                        "statements.view_statementday",
                    ),
                    _link(
                        _("Differences"),
                        "difference",
                        "statements_statementdifference_changelist",
                        "statements.view_statementdifference",
                    ),
                    _link(_("Settlement"), "account_balance", "back_office:settlement", "settlement.view_merchantday"),
                    _link(_("Compare a day"), "upload_file", "back_office:compare_day", "statements.compare_day"),
                    _link(
                        _("Gateways"),
                        "toggle_on",
                        "back_office:gateways",
                        "payment_configuration.view_configurationversion",
                    ),
                ],
            },
            {
                "title": _("Running"),
                "items": [
                    _link(_("Flow"), "water", "back_office:flow", "messaging.watch_flow"),
                    _link(_("Invariants"), "verified", "back_office:invariants", "messaging.check_invariants"),
                    *_SANDBOX_LINKS,
                ],
            },
            {
                "title": _("People"),
                "items": [
                    _link(_("Members"), "person", "member_member_changelist", "member.view_member"),
                    _link(_("Operators"), "badge", "auth_user_changelist", "auth.view_user"),
                    _link(_("Roles"), "shield_person", "auth_group_changelist", "auth.view_group"),
                    _link(_("Audit log"), "history", "auditlog_logentry_changelist", "auditlog.view_logentry"),
                ],
            },
        ],
    },
}
