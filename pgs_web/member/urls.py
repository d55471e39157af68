"""Sign-in, own data, addresses; below `/api/v1/`."""

from django.urls import URLPattern, URLResolver, path

from pgs_web.member import schema  # noqa: F401  (drf-spectacular finds extensions that were imported)
from pgs_web.member.views.me import AddressesView, AddressView, MeView
from pgs_web.member.views.sign_in import RefreshView, SignOutView, SmsCodesView, TokensView

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/sms-codes/", SmsCodesView.as_view(), name="sms-codes"),
    path("auth/tokens/", TokensView.as_view(), name="tokens"),
    path("auth/tokens/refresh/", RefreshView.as_view(), name="tokens-refresh"),
    path("auth/sign-out/", SignOutView.as_view(), name="sign-out"),
    path("members/me/", MeView.as_view(), name="me"),
    path("members/me/addresses/", AddressesView.as_view(), name="addresses"),
    path("members/me/addresses/<id:address_id>/", AddressView.as_view(), name="address"),
]
