"""The house as an app: it brings the checks of production settings."""

from django.apps import AppConfig

from config import checks  # noqa: F401  (registers them)


class HouseConfig(AppConfig):
    name = "config"
    label = "config"
