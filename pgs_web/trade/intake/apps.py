from importlib import import_module

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "pgs_web.trade.intake"
    label = "intake"

    def ready(self) -> None:
        # It imports models, which can't be imported before all apps are there.
        import_module("pgs_web.trade.intake.registration")
