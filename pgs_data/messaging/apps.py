from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "pgs_data.messaging"
    label = "messaging"
