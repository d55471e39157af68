"""The demo shop's offers: several group sizes, prices and windows, on the demo catalogue's SKUs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.product.models import Sku

AUTHOR = "demo-author"
HOUR = 3600
DAY = 24 * HOUR
# States in which an offer still has something ahead of it.
OPEN = frozenset(ActivityState) - {ActivityState.ENDED, ActivityState.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class DemoOffer:
    """`starts_in` and `lasts` are seconds from now on; a group of 1 is a rush without groups."""

    sku: str
    title: str
    title_en: str
    price_fen: int
    group_size: int
    stock: int
    starts_in: int = 0
    lasts: int = 7 * DAY
    member_limit: int = 2
    group_lasts: int = DAY
    pay_within: int = 900


OFFERS: tuple[DemoOffer, ...] = (
    # On sale from the start, in groups of 2.
    DemoOffer("peach-6", "两人成团 水蜜桃鲜到家", "Peaches for two", 3990, 2, 300),
    DemoOffer("orange-10jin", "两人团 十斤脐橙", "Ten jin of oranges for two", 3990, 2, 500, member_limit=5),
    DemoOffer("cookies-3", "下午茶曲奇 两人团", "Cookies for tea time", 6680, 2, 200),
    DemoOffer("mug-pair", "对杯两人团", "A pair of mugs, bought by a pair", 4990, 2, 160),
    DemoOffer("teddy-38", "抱抱小熊 两人团", "A bear for two", 5990, 2, 220),
    DemoOffer("keyboard-linear", "机械键盘 两人团", "Mechanical keyboard for two", 21900, 2, 120),
    # Groups of 3.
    DemoOffer("grapes-4jin", "三人团 阳光玫瑰", "Shine Muscat for three", 5990, 3, 240),
    DemoOffer("coffee-500", "三人团 云南咖啡豆", "Coffee beans for three", 5890, 3, 180),
    DemoOffer("towels-4", "三人团 长绒棉毛巾", "Towels for three", 4480, 3, 400, member_limit=3),
    DemoOffer("headphones-blue", "降噪耳机 三人团", "Noise-cancelling headphones for three", 27900, 3, 150),
    DemoOffer("yoga-mat-purple", "瑜伽垫 三人团", "Yoga mat for three", 4990, 3, 260),
    # Groups of 5 and 10: the lowest prices.
    DemoOffer("nuts-30", "五人团 每日坚果", "Daily nuts for five", 5490, 5, 500),
    DemoOffer("power-bank-20k", "五人团 充电宝", "Power bank for five", 8990, 5, 300),
    DemoOffer("toothbrush-2", "五人团 声波牙刷", "Sonic toothbrushes for five", 11900, 5, 200),
    DemoOffer("blueberry-4", "十人团 高山蓝莓", "Blueberries for ten", 2290, 10, 600, member_limit=1),
    DemoOffer("duck-1", "十人团 洗澡小黄鸭", "Rubber ducks for ten", 690, 10, 1000, member_limit=1),
    # Rushes without groups: few units at a low price.
    DemoOffer("phone-256", "旗舰手机秒杀", "Flagship phone rush", 199900, 1, 20, member_limit=1, pay_within=300),
    DemoOffer("mango-5jin", "芒果限量秒杀", "Mango rush", 990, 1, 100, member_limit=1, pay_within=300),
    DemoOffer("hand-cream-1", "护手霜一元抢", "Hand cream for one yuan", 100, 1, 100, member_limit=1, pay_within=300),
    # Starting soon.
    DemoOffer(
        "strawberry-4h", "今晚开抢 草莓四盒", "Tonight: four punnets of strawberries", 5990, 3, 200, starts_in=HOUR
    ),
    DemoOffer("smart-watch-black", "整点开团 智能手表", "On the hour: smart watch", 33900, 5, 80, starts_in=2 * HOUR),
    DemoOffer("mooncake-4", "明日预告 月饼礼盒", "Tomorrow: mooncakes", 9900, 2, 300, starts_in=DAY),
    DemoOffer("hair-dryer-purple", "明日秒杀 高速吹风机", "Tomorrow's rush: hair dryer", 16900, 1, 50, starts_in=DAY),
    # Over within minutes, so that the shop soon shows what has ended.
    DemoOffer(
        "lychee-3jin", "尝鲜快闪 荔枝", "Flash offer: lychees", 3680, 2, 60, lasts=120, group_lasts=60, pay_within=60
    ),
    DemoOffer("soap-2", "快闪团 手工皂", "Flash offer: soap", 2900, 3, 60, lasts=240, group_lasts=120, pay_within=60),
)


def demo_activities(now: datetime) -> list[tuple[DemoOffer, ActivityRules]]:
    """Every demo offer with its rules, its window counted from `now`."""
    return [
        (
            offer,
            ActivityRules(
                title=offer.title,
                title_en=offer.title_en,
                price_fen=offer.price_fen,
                group_size=offer.group_size,
                member_limit=offer.member_limit,
                stock_total=offer.stock,
                starts_at=now + timedelta(seconds=offer.starts_in),
                ends_at=now + timedelta(seconds=offer.starts_in + offer.lasts),
                group_lasts_seconds=offer.group_lasts,
                pay_within_seconds=offer.pay_within,
            ),
        )
        for offer in OFFERS
    ]


def create_demo_activities() -> list[Activity]:
    """The demo's activities that wait to be approved, IN_REVIEW, written by AUTHOR; call it as often as you like.

    An offer is made anew when none of it is open any more, so a shop opened days later has something to sell again. A
    crash in the middle leaves activities that the next call finds and returns. Needs the demo catalogue.
    """
    wanted = demo_activities(database_now("default"))
    skus = dict(Sku.objects.filter(code__in=[offer.sku for offer in OFFERS]).values_list("code", "id"))
    known = Activity.objects.filter(
        sku_id__in=skus.values(), title__in=[offer.title for offer in OFFERS], state__in=OPEN
    )
    open_offers = {(activity.sku_id, activity.title): activity for activity in known}
    waiting = []
    for offer, rules in wanted:
        activity = open_offers.get((skus[offer.sku], offer.title))
        # A loop of writes, once a demo: each activity passes the same doors as an operator's.
        if activity is None:
            activity = create_activity(sku_id=skus[offer.sku], rules=rules, actor=AUTHOR)
        if activity.state == ActivityState.DRAFT:
            submit_for_review(activity_id=activity.pk, actor=AUTHOR)
            activity.state = ActivityState.IN_REVIEW
        if activity.state == ActivityState.IN_REVIEW:
            waiting.append(activity)
    return waiting
