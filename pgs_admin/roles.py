"""Which operator may do what: four roles, and permissions for acts that Django has no name for."""

from collections.abc import Mapping

from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext_noop

from pgs_admin.play.roles import acts_of_plays, permissions_of_plays, shown_of_plays

# app_label.model → codename → what it allows.
ACTS: Mapping[str, Mapping[str, str]] = {
    "activity.activity": {
        "steer_activity": gettext_noop("Can submit, pause, resume, end and withdraw activities"),
        "approve_activity": gettext_noop("Can approve activities"),
    },
    "order.order": {
        "cancel_order": gettext_noop("Can cancel unpaid orders"),
        "refund_order": gettext_noop("Can refund paid orders"),
    },
    "after_sale.aftersalerequest": {"decide_request": gettext_noop("Can approve and refuse after-sale requests")},
    "coupon.coupon": {"withdraw_coupon": gettext_noop("Can withdraw coupons")},
    "coupon.couponcampaign": {"start_campaign": gettext_noop("Can start and stop coupon campaigns")},
    "payment.refund": {
        "retry_refund": gettext_noop("Can let a refund be tried again"),
        "unmask_notice": gettext_noop("Can see gateways' notices with secrets and personal data"),
        "settle_by_hand": gettext_noop("Can say and confirm that a refund was paid by hand"),
    },
    "payment_configuration.configurationversion": {
        "configure_gateways": gettext_noop("Can open, close, order and price payment gateways"),
    },
    "anomalies.anomaly": {"settle_anomaly": gettext_noop("Can refund and explain payment anomalies")},
    "sandbox_gateway.sandboxfault": {"set_sandbox_faults": gettext_noop("Can let the sandbox gateway misbehave")},
    "settlement.merchantday": {"settle_day": gettext_noop("Can compute a day's settlement anew")},
    "statements.statementday": {"compare_day": gettext_noop("Can compare a day with a gateway's statement")},
    "statements.statementdifference": {
        "resolve_difference": gettext_noop("Can work off differences between books and statements"),
    },
    "member.member": {
        "unmask_member": gettext_noop("Can see a member's phone and addresses in plain text"),
        "block_member": gettext_noop("Can block members"),
    },
    "messaging.outboxmessage": {
        "check_invariants": gettext_noop("Can run the invariant checks"),
        "watch_flow": gettext_noop("Can see how much is on its way"),
    },
    "plays.playswitch": {"switch_play": gettext_noop("Can let games drain and open them again")},
    "plays.campaign": {"steer_campaign": gettext_noop("Can make, change and close campaigns of games")},
    **acts_of_plays(),
}
# What anybody in the back office may look at.
SHOWN = (
    *("product.merchant", "product.product", "product.sku", "activity.activity", "activity.activitylog"),
    *("order.order", "group.group", "group.guarantee", "group.deadlineextension", "delivery.shipment"),
    "rescue.rescue",
    *("payment.payment", "payment.refund", "payment.notice", "anomalies.anomaly"),
    *("payment_configuration.configurationversion", "member.member", "member.address"),
    *("after_sale.aftersalerequest", "statements.statementday", "statements.statementdifference"),
    *("settlement.merchantday", "plays.playswitch", "plays.campaign", "coupon.coupon", "coupon.couponcampaign"),
    *shown_of_plays(),
)
_VIEW = frozenset(f"{name.split('.')[0]}.view_{name.split('.')[1]}" for name in SHOWN) | {"messaging.watch_flow"}
_EDIT = frozenset(f"product.{act}_{model}" for model in ("merchant", "product", "sku") for act in ("add", "change")) | {
    "activity.add_activity",
    "activity.change_activity",
    "group.add_deadlineextension",
    "coupon.add_couponcampaign",
}

_OF_THE_SHOP: Mapping[str, frozenset[str]] = {
    "viewer": _VIEW,
    "operations": _VIEW
    | _EDIT
    | {"activity.steer_activity", "activity.approve_activity", "messaging.check_invariants"}
    | {"payment_configuration.configure_gateways", "sandbox_gateway.set_sandbox_faults"}
    | {"plays.switch_play", "plays.steer_campaign"},
    "service": _VIEW
    | {"order.cancel_order", "order.refund_order", "member.unmask_member", "member.block_member"}
    | {"after_sale.decide_request", "coupon.withdraw_coupon"},
    "finance": _VIEW
    | {"order.refund_order", "payment.retry_refund", "messaging.check_invariants", "auditlog.view_logentry"}
    | {"payment_configuration.configure_gateways", "anomalies.settle_anomaly", "after_sale.decide_request"}
    | {"payment.settle_by_hand", "payment.unmask_notice"}
    | {"statements.compare_day", "statements.resolve_difference", "settlement.settle_day"}
    | {"coupon.start_campaign", "coupon.withdraw_coupon"},
}
ROLES: Mapping[str, frozenset[str]] = {
    role: permissions | permissions_of_plays(role) for role, permissions in _OF_THE_SHOP.items()
}


def ensure_roles() -> None:
    """Makes acts and roles exactly what this file says; repeatable. Operators keep the roles that they were given."""
    known = _known_permissions()
    missing = [
        Permission(content_type=_type_of(name), codename=codename, name=meaning)
        for name, acts in ACTS.items()
        for codename, meaning in acts.items()
        if f"{name.split('.')[0]}.{codename}" not in known
    ]
    if missing:
        # Two processes that migrate at once both come here: the second finds the rows there.
        Permission.objects.bulk_create(missing, ignore_conflicts=True)
        known = _known_permissions()
    for name, wanted in ROLES.items():
        role, _is_new = Role.objects.get_or_create(name=name)
        role.permissions.set([known[permission] for permission in wanted])


def _type_of(name: str) -> ContentType:
    return ContentType.objects.get_by_natural_key(*name.split("."))


def _known_permissions() -> dict[str, int]:
    rows = Permission.objects.values_list("pk", "content_type__app_label", "codename")
    return {f"{app}.{codename}": pk for pk, app, codename in rows}
