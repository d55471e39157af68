"""Operators and a shop with one of everything, for tests of the back office."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import User
from django.test import Client

from pgs_admin.roles import ensure_roles
from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.errors import NumberTaken
from pgs_task.payment.gateways.contract import LineKind
from pgs_task.payment.models import Payment
from pgs_task.payment.tests.making import describe_notice, send, start
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.states import DayState, DifferenceKind, DifferenceState
from pgs_web.display.activity.models import Activity
from pgs_web.member.models import Address, Member
from pgs_web.member.phones import index_phone
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.tests.making import make_request, make_shipped
from pgs_web.trade.coupon.models import Coupon, CouponCampaign
from pgs_web.trade.coupon.tests.making import issue, make_campaign
from pgs_web.trade.group.models import Group
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.tests.making import make_group_of_orders, make_order
from pgs_web.trade.stock.tests.making import make_sale

HOSTILE = "<script>alert(1)</script>"
PHONE = "13912345678"


def sign_in(role: str) -> Client:
    """A browser of an operator with this role; `admin` may do everything."""
    ensure_roles()
    operator = User.objects.create(username=f"{role}-{User.objects.count()}", is_staff=True)
    operator.is_superuser = role == "admin"
    operator.save()
    operator.groups.set(Role.objects.filter(name=role))
    client = Client(enforce_csrf_checks=False)
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    client.operator = operator
    return client


def make_member(**values: object) -> Member:
    """A member with a phone and one address, whose texts are hostile."""
    member = Member.objects.create(
        **{"phone": PHONE, "phone_index": index_phone(PHONE), "nickname": HOSTILE, "password": "!", **values}
    )
    Address.objects.create(
        member=member,
        receiver_name="张三丰",
        phone=PHONE,
        province="上海市",
        city="上海市",
        district=HOSTILE[:40],
        detail="人民路一百号之二",
    )
    return member


def make_difference(payment: Payment) -> StatementDifference:
    """An open difference of a day long ago, in a gateway's hostile words."""
    now = database_now("default")
    day = StatementDay.objects.create(
        gateway="sandbox",
        day=date(2026, 1, 1),
        state=DayState.DIFFERS,
        error=HOSTILE,
        difference_count=1,
        compared_at=now,
        tried_at=now,
    )
    return StatementDifference.objects.create(
        statement=day,
        kind=DifferenceKind.AMOUNT,
        line=LineKind.PAYMENT,
        payment_id=payment.pk,
        number=HOSTILE,
        our_fen=990,
        their_fen=991,
        state=DifferenceState.OPEN,
        found_at=now,
    )


@dataclass
class Shop:
    """One of everything."""

    activity: Activity
    member: Member
    unpaid: Order
    paid: Order
    payment: Payment
    group: Group
    request: AfterSaleRequest
    anomaly: Anomaly
    difference: StatementDifference
    coupon: Coupon
    campaign: CouponCampaign


def make_shop() -> Shop:
    activity = make_sale(title=HOSTILE, stock=10)
    unpaid = make_order(member_id=251, activity_id=activity.pk)
    paid = make_order(member_id=501, activity_id=activity.pk)
    payment = start(paid)
    send(describe_notice(payment, extra=HOSTILE))
    with suppress(NumberTaken):
        send(describe_notice(payment, notice_id="second", trade_no="second", extra=HOSTILE))
    paid.refresh_from_db()
    payment.refresh_from_db()
    return Shop(
        activity=activity,
        member=make_member(),
        unpaid=unpaid,
        paid=paid,
        payment=payment,
        group=make_group_of_orders(activity_id=activity.pk).group,
        request=make_request(make_shipped(member_id=751, activity_id=activity.pk), text=HOSTILE),
        anomaly=Anomaly.objects.on_node(alias_of_id(payment.pk)).get(),
        difference=make_difference(payment),
        coupon=issue(member_id=1001, title=HOSTILE),
        campaign=make_campaign(title=HOSTILE),
    )
