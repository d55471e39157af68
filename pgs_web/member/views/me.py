"""`/members/me/`: own data and addresses."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.api.schema import refusals
from pgs_web.member.authentication import member_of
from pgs_web.member.errors import TokenNotValid, TooManyAddresses
from pgs_web.member.models import Address, Member
from pgs_web.member.selectors import present_addresses, remember_address_owners
from pgs_web.member.serializers import AddressDetail, AddressSummary, MemberChange, MemberProfile
from pgs_web.member.services.addresses import change_address, create_address, remove_address
from pgs_web.member.services.profile import change_profile

TAG = "members"
ADDRESSES_TAG = "addresses"


class MeView(APIView):
    @extend_schema(operation_id="members_read_me", summary=_("Own data"), tags=[TAG], responses={200: MemberProfile})
    def get(self, request: Request) -> Response:
        member = Member.objects.filter(id=member_of(request)).first()
        if member is None:
            # A token of ours for somebody who isn't there: the database was put back. Signing in again helps.
            raise TokenNotValid
        return Response(MemberProfile(member).data)

    @extend_schema(
        operation_id="members_change_me",
        summary=_("Change own data"),
        tags=[TAG],
        request=MemberChange,
        responses={200: MemberProfile},
    )
    def patch(self, request: Request) -> Response:
        change = MemberChange(data=request.data)
        change.is_valid(raise_exception=True)
        member = change_profile(member_id=member_of(request), **change.validated_data)
        return Response(MemberProfile(member).data)


class AddressesView(GenericAPIView[Address]):
    serializer_class = AddressSummary
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Address]:
        return present_addresses().filter(member_id=member_of(self.request))

    @extend_schema(
        operation_id="addresses_list",
        summary=_("Own addresses, masked"),
        tags=[ADDRESSES_TAG],
        responses={200: AddressSummary(many=True)},
    )
    def get(self, request: Request) -> Response:
        page: Any = self.paginate_queryset(self.get_queryset())
        # Who looks at addresses is about to order: the order then finds them in Redis.
        remember_address_owners({address.id: address.member_id for address in page})
        return self.get_paginated_response(AddressSummary(page, many=True).data)

    @extend_schema(
        operation_id="addresses_add",
        summary=_("Add an address"),
        tags=[ADDRESSES_TAG],
        request=AddressDetail,
        responses={201: AddressDetail, **refusals(TooManyAddresses)},
    )
    def post(self, request: Request) -> Response:
        body = AddressDetail(data=request.data)
        body.is_valid(raise_exception=True)
        address = create_address(member_id=member_of(request), **body.validated_data)
        return Response(AddressDetail(address).data, status=status.HTTP_201_CREATED)


class AddressView(APIView):
    @extend_schema(
        operation_id="addresses_read",
        summary=_("An own address in full"),
        tags=[ADDRESSES_TAG],
        responses={200: AddressDetail},
    )
    def get(self, request: Request, address_id: int) -> Response:
        address = present_addresses().filter(id=address_id, member_id=member_of(request)).first()
        if address is None:
            raise NotFound
        return Response(AddressDetail(address).data)

    @extend_schema(
        operation_id="addresses_change",
        summary=_("Change an address; orders that aren't shipped yet follow"),
        tags=[ADDRESSES_TAG],
        request=AddressDetail(partial=True),
        responses={200: AddressDetail},
    )
    def patch(self, request: Request, address_id: int) -> Response:
        body = AddressDetail(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        address = change_address(member_id=member_of(request), address_id=address_id, **body.validated_data)
        return Response(AddressDetail(address).data)

    @extend_schema(
        operation_id="addresses_remove", summary=_("Remove an address"), tags=[ADDRESSES_TAG], responses={204: None}
    )
    def delete(self, request: Request, address_id: int) -> Response:
        remove_address(member_id=member_of(request), address_id=address_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
