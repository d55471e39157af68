"""`manage.py open_demo_shop`: the demo's accounts, its catalogue's activities, its games."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group as OperatorGroup
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from pgs_task.demo.sale.games import open_demo_games
from pgs_task.demo.welcome import DEMO_OPERATORS, DEMO_PASSWORD, DEMO_SHOPPER
from pgs_web.display.activity.demo import create_demo_activities
from pgs_web.member.services import register_member
from pgs_web.trade.stock.sales import schedule_sale


class Command(BaseCommand):
    help = (
        "Makes the demo's operators, a shopper, a campaign of each game that tells how it is played, and puts the demo "
        "catalogue's activities on sale; repeatable."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PGS_DEPLOYMENT == "production":
            raise CommandError("The demo's accounts have a published password: they don't belong into production.")
        for name in DEMO_OPERATORS:
            operator, is_new = User.objects.get_or_create(
                username=name, defaults={"is_staff": True, "is_superuser": name == "admin"}
            )
            if is_new:
                operator.set_password(DEMO_PASSWORD)
                operator.save(update_fields=["password"])
            operator.groups.set(OperatorGroup.objects.filter(name=name))
        register_member(username=DEMO_SHOPPER, password=DEMO_PASSWORD, is_repeatable=True)
        for activity in create_demo_activities():
            schedule_sale(activity_id=activity.pk, actor="demo")
        open_demo_games()
