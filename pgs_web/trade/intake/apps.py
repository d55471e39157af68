from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "pgs_web.trade.intake"
    label = "intake"
