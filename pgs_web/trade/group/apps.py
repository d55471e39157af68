from django.apps import AppConfig


class GroupConfig(AppConfig):
    name = "pgs_web.trade.group"
    label = "group"
