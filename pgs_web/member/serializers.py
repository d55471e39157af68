"""What shoppers send and see of themselves."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from pgs_web.api.fields import CodeField, IdField, LineField, StrictBooleanField, StringField
from pgs_web.member.masks import mask_detail, mask_name, mask_phone
from pgs_web.member.models import Address, Member
from pgs_web.member.phones import read_phone
from pgs_web.member.services.sms_codes import CODE_DIGITS
from pgs_web.member.states import MemberState

CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")


class PhoneField(StringField):
    """A mainland mobile number, with or without +86; gives 11 digits."""

    default_error_messages = {"invalid": _("Give a mainland mobile number of 11 digits: 13800138000.")}

    def to_internal_value(self, data: Any) -> str:
        phone = read_phone(data) if isinstance(data, str) else None
        if phone is None:
            self.fail("invalid")
        return phone


class SmsCodeRequest(serializers.Serializer[Any]):
    phone = PhoneField()


class SmsCodeAnswer(serializers.Serializer[Any]):
    expires_in_seconds = serializers.IntegerField(min_value=1)


class SignInCodeField(StringField):
    """Six ASCII digits."""

    default_error_messages = {"invalid": _("Give the code's six digits.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not CODE.fullmatch(data):
            self.fail("invalid")
        return data


class PhoneSignIn(serializers.Serializer[Any]):
    phone = PhoneField()
    code = SignInCodeField()


class PasswordSignIn(serializers.Serializer[Any]):
    username = LineField(max_length=64)
    # Longer ones would only make the hasher work.
    password = StringField(max_length=128)


class SignedInAnswer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    member_id = IdField()
    is_new_member = serializers.BooleanField()


class RefreshRequest(serializers.Serializer[Any]):
    refresh = StringField(max_length=2048)


class RefreshAnswer(serializers.Serializer[Any]):
    access = serializers.CharField()


class SignOutRequest(serializers.Serializer[Any]):
    refresh = StringField(max_length=2048, required=False)


class MemberProfile(serializers.ModelSerializer[Member]):
    """A member's own data."""

    member_id = IdField(source="id", read_only=True)
    username = serializers.CharField(read_only=True, allow_null=True)
    phone = serializers.SerializerMethodField(help_text=_("masked; null for who signs in by username"))
    state = CodeField(codes=MemberState, read_only=True)

    class Meta:
        model = Member
        fields = ["member_id", "username", "phone", "nickname", "state", "created_at"]
        read_only_fields = fields

    def get_phone(self, member: Member) -> str | None:
        return mask_phone(member.phone) or None


class MemberChange(serializers.Serializer[Any]):
    nickname = LineField(max_length=40, allow_blank=True, required=False)


class AddressDetail(serializers.ModelSerializer[Address]):
    """An address in full, for its owner; also what is sent to make one."""

    address_id = IdField(source="id", read_only=True)
    receiver_name = LineField(max_length=40)
    phone = PhoneField()
    province = LineField(max_length=40)
    city = LineField(max_length=40)
    district = LineField(max_length=40, allow_blank=True, required=False)
    detail = LineField(max_length=200)
    is_default = StrictBooleanField(required=False)

    class Meta:
        model = Address
        fields = ["address_id", "receiver_name", "phone", "province", "city", "district", "detail", "is_default"]


class AddressSummary(serializers.ModelSerializer[Address]):
    """An address in a list: receiver, phone and street masked."""

    address_id = IdField(source="id", read_only=True)
    receiver_name = serializers.SerializerMethodField()
    phone = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField()

    class Meta:
        model = Address
        fields = ["address_id", "receiver_name", "phone", "province", "city", "district", "detail", "is_default"]
        read_only_fields = fields

    def get_receiver_name(self, address: Address) -> str:
        return mask_name(address.receiver_name)

    def get_phone(self, address: Address) -> str:
        return mask_phone(address.phone)

    def get_detail(self, address: Address) -> str:
        return mask_detail(address.detail)
