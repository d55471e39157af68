"""Sends nothing: writes messages where the demo and the tests read them (`manage.py read_sms PHONE`)."""

from datetime import timedelta

from django.utils import timezone

from pgs_web.member.models import SandboxSms
from pgs_web.member.phones import index_phone

KEPT_FOR = timedelta(days=1)


class SandboxSmsProvider:
    """Refused by the system check in production."""

    def send_sign_in_code(self, *, phone: str, code: str) -> None:
        phone_index = index_phone(phone)
        SandboxSms.objects.filter(phone_index=phone_index, created_at__lt=timezone.now() - KEPT_FOR).delete()
        SandboxSms.objects.create(phone_index=phone_index, text=code)


def read_sandbox_code(*, phone: str) -> str | None:
    """The last code "sent" to a phone of 11 digits."""
    latest = SandboxSms.objects.filter(phone_index=index_phone(phone)).order_by("-id").first()
    return latest.text if latest else None
