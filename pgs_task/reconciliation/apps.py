from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "pgs_task.reconciliation"
    label = "reconciliation"
