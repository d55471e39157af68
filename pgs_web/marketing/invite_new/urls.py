"""Addresses below /api/v1/plays/invite_new/."""

from django.urls import path

from pgs_web.marketing.invite_new.views import CampaignsView, JoinView, RoundsView, RoundView, ShareView

app_name = "invite_new"
urlpatterns = [
    path("campaigns/", CampaignsView.as_view(), name="campaigns"),
    path("rounds/", RoundsView.as_view(), name="rounds"),
    path("rounds/<id:round_id>/", RoundView.as_view(), name="round"),
    path("shares/<str:share_code>/", ShareView.as_view(), name="share"),
    path("shares/<str:share_code>/join/", JoinView.as_view(), name="join"),
]
