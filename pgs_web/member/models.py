"""Shoppers, where they receive parcels, and which of their sessions have ended."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.encryption import EncryptedTextField
from pgs_web.member.states import MemberState


class Member(models.Model):
    """A shopper's account; operators are `auth.User`."""

    id = models.BigAutoField(_("member id"), primary_key=True)
    # Lower case, so that one name can't be two members; NULL for who came by phone.
    username = models.CharField(_("username"), max_length=64, unique=True, null=True, blank=True)
    phone_index = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    phone = EncryptedTextField(_("phone"), context="member.phone", null=True, blank=True)
    password = models.CharField(max_length=128, editable=False)
    nickname = models.CharField(_("nickname"), max_length=40, blank=True)
    state = models.CharField(
        _("state"),
        max_length=16,
        default=MemberState.ACTIVE.value,
        choices=[(state.value, state.value) for state in MemberState],
    )
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "member"
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(
                name="member_can_be_found",
                condition=models.Q(username__isnull=False) | models.Q(phone_index__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.nickname or str(self.pk)


class Address(models.Model):
    """Where a member receives parcels; removed ones stay for the orders that name them."""

    id = models.BigAutoField(_("address id"), primary_key=True)
    member = models.ForeignKey(Member, verbose_name=_("member"), on_delete=models.PROTECT, related_name="addresses")
    receiver_name = EncryptedTextField(_("receiver"), context="address.receiver_name")
    phone = EncryptedTextField(_("phone"), context="address.phone")
    province = models.CharField(_("province"), max_length=40)
    city = models.CharField(_("city"), max_length=40)
    district = models.CharField(_("district"), max_length=40, blank=True)
    detail = EncryptedTextField(_("street and number"), context="address.detail")
    is_default = models.BooleanField(_("default address"), default=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("removed at"), null=True, blank=True)

    class Meta:
        db_table = "member_address"
        verbose_name = _("address")
        verbose_name_plural = _("addresses")

    def __str__(self) -> str:
        return str(self.pk)


class SignedOutToken(models.Model):
    """A session (`sid` of its refresh and access tokens) that the member ended."""

    sid = models.CharField(max_length=32, primary_key=True)
    member_id = models.BigIntegerField()
    signed_out_at = models.DateTimeField(auto_now_add=True, db_index=True)
    # No token of the session outlives this; the row may be removed afterwards.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "member_signed_out_token"

    def __str__(self) -> str:
        return self.sid


class SandboxSms(models.Model):
    """A message that the sandbox provider "sent": the demo and the tests read it here."""

    id = models.BigAutoField(primary_key=True)
    phone_index = models.CharField(max_length=64)
    text = EncryptedTextField(context="sandbox_sms.text")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "member_sandbox_sms"
        indexes = [models.Index(fields=["phone_index", "id"], name="sandbox_sms_latest")]

    def __str__(self) -> str:
        return str(self.pk)
