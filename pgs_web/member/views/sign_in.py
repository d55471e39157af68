"""`/auth/`: codes, tokens, signing out."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.client_address import client_network
from pgs_web.api.errors import TooManyRequests
from pgs_web.api.schema import refusals
from pgs_web.member.authentication import OptionalTokenAuthentication
from pgs_web.member.errors import MemberBlocked, SmsNotSent, TokenNotValid, WrongCode, WrongCredentials
from pgs_web.member.serializers import (
    PasswordSignIn,
    PhoneSignIn,
    RefreshAnswer,
    RefreshRequest,
    SignedInAnswer,
    SignOutRequest,
    SmsCodeAnswer,
    SmsCodeRequest,
)
from pgs_web.member.services.sessions import end_session
from pgs_web.member.services.sign_in import SignedIn, refresh_session, sign_in_by_password, sign_in_by_phone
from pgs_web.member.services.sms_codes import CODE_LIFETIME_SECONDS, send_sign_in_code
from pgs_web.member.tokens import InvalidToken, TokenClaims, read_refresh_token

TAG = "auth"


def read_body(kind: Any, request: Request) -> dict[str, Any]:
    """The checked body; raises ValidationError."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class SmsCodesView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_send_code",
        summary=_("Send a sign-in code to a phone"),
        tags=[TAG],
        request=SmsCodeRequest,
        responses={202: SmsCodeAnswer, **refusals(TooManyRequests, SmsNotSent)},
    )
    def post(self, request: Request) -> Response:
        body = read_body(SmsCodeRequest, request)
        send_sign_in_code(phone=body["phone"], network=client_network(request))
        return Response({"expires_in_seconds": CODE_LIFETIME_SECONDS}, status=status.HTTP_202_ACCEPTED)


class TokensView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_sign_in",
        summary=_("Sign in with phone and code, or with username and password"),
        tags=[TAG],
        request=PolymorphicProxySerializer(
            component_name="SignIn", serializers=[PhoneSignIn, PasswordSignIn], resource_type_field_name=None
        ),
        responses={200: SignedInAnswer, **refusals(WrongCode, WrongCredentials, MemberBlocked, TooManyRequests)},
    )
    def post(self, request: Request) -> Response:
        signed_in = sign_in(request)
        return Response(
            {
                "access": signed_in.tokens.access,
                "refresh": signed_in.tokens.refresh,
                "member_id": str(signed_in.member_id),
                "is_new_member": signed_in.is_new_member,
            },
            headers={"Cache-Control": "no-store"},
        )


def sign_in(request: Request) -> SignedIn:
    """By the body's fields; raises ValidationError when they are of both kinds."""
    given = set(request.data)
    is_by_phone = bool({"phone", "code"} & given)
    if is_by_phone and {"username", "password"} & given:
        raise ValidationError(_("Give phone and code, or username and password, not both."))
    network = client_network(request)
    if is_by_phone:
        body = read_body(PhoneSignIn, request)
        return sign_in_by_phone(phone=body["phone"], code=body["code"], network=network)
    body = read_body(PasswordSignIn, request)
    return sign_in_by_password(username=body["username"], password=body["password"], network=network)


class RefreshView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_refresh",
        summary=_("Get a new access token"),
        tags=[TAG],
        request=RefreshRequest,
        responses={200: RefreshAnswer, **refusals(TokenNotValid, MemberBlocked, TooManyRequests)},
    )
    def post(self, request: Request) -> Response:
        body = read_body(RefreshRequest, request)
        return Response({"access": refresh_session(refresh=body["refresh"])}, headers={"Cache-Control": "no-store"})


class SignOutView(APIView):
    """Ends a session; the refresh token is enough, also beside an access token that has expired."""

    authentication_classes = (OptionalTokenAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_sign_out",
        summary=_("End the session of the refresh token in the body, or of the access token"),
        tags=[TAG],
        request=SignOutRequest,
        responses={204: None, **refusals(TokenNotValid)},
    )
    def post(self, request: Request) -> Response:
        body = read_body(SignOutRequest, request)
        claims = request.auth
        if "refresh" in body:
            try:
                claims = read_refresh_token(body["refresh"])
            except InvalidToken as error:
                raise TokenNotValid from error
        if not isinstance(claims, TokenClaims):
            raise NotAuthenticated
        end_session(sid=claims.sid, member_id=claims.member_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
