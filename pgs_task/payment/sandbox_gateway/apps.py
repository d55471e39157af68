from django.apps import AppConfig


class SandboxGatewayConfig(AppConfig):
    name = "pgs_task.payment.sandbox_gateway"
    label = "sandbox_gateway"
