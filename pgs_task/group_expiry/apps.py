from django.apps import AppConfig


class GroupExpiryConfig(AppConfig):
    name = "pgs_task.group_expiry"
    label = "group_expiry"
