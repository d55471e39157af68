from django.apps import AppConfig


class OutboxRelayConfig(AppConfig):
    name = "pgs_task.outbox_relay"
    label = "outbox_relay"
