"""Addresses below /api/v1/plays/assist/."""

from django.urls import path

from pgs_web.marketing.assist.views import (
    BuyView,
    CampaignsView,
    GiveUpView,
    HelpView,
    RoundsView,
    RoundView,
    ShareView,
)

app_name = "assist"
urlpatterns = [
    path("campaigns/", CampaignsView.as_view(), name="campaigns"),
    path("rounds/", RoundsView.as_view(), name="rounds"),
    path("rounds/<id:round_id>/", RoundView.as_view(), name="round"),
    path("rounds/<id:round_id>/buy/", BuyView.as_view(), name="buy"),
    path("rounds/<id:round_id>/give-up/", GiveUpView.as_view(), name="give_up"),
    path("shares/<str:share_code>/", ShareView.as_view(), name="share"),
    path("shares/<str:share_code>/help/", HelpView.as_view(), name="help"),
]
