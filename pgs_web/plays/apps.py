from django.apps import AppConfig


class PlaysConfig(AppConfig):
    name = "pgs_web.plays"
    label = "plays"
