"""How the member room's own fields look in the published schema."""

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from pgs_web.member.authentication import MemberTokenAuthentication
from pgs_web.member.serializers import PhoneField, SignInCodeField

# Its subclasses look at less or more of the token; for who sends it they are one scheme.
set_override(MemberTokenAuthentication, "suppress_collision_warning", True)


class MemberTokenScheme(OpenApiAuthenticationExtension):
    target_class = MemberTokenAuthentication
    match_subclasses = True
    name = "memberToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of POST /auth/tokens/.",
        }


class PhoneSchema(OpenApiSerializerFieldExtension):
    target_class = PhoneField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        if direction == "response":
            return {"type": "string", "example": "13800138000"}
        return {"type": "string", "pattern": r"^(\+86)?1[3-9][0-9]{9}$", "example": "13800138000"}


class SignInCodeSchema(OpenApiSerializerFieldExtension):
    target_class = SignInCodeField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{6}$", "example": "012345"}
