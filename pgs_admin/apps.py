from django.apps import AppConfig


class PgsAdminConfig(AppConfig):
    name = "pgs_admin"
    label = "pgs_admin"
