from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "pgs_web.display.home"
    label = "home"
