"""Addresses below /api/v1/plays/red_packet/."""

from django.urls import path

from pgs_web.marketing.red_packet.views import (
    CampaignsView,
    HelpView,
    PacketsView,
    PacketView,
    ProofView,
    RedeemView,
    ShareView,
)

app_name = "red_packet"
urlpatterns = [
    path("campaigns/", CampaignsView.as_view(), name="campaigns"),
    path("packets/", PacketsView.as_view(), name="packets"),
    path("packets/<id:packet_id>/", PacketView.as_view(), name="packet"),
    path("packets/<id:packet_id>/redeem/", RedeemView.as_view(), name="redeem"),
    path("shares/<str:share_code>/", ShareView.as_view(), name="share"),
    path("shares/<str:share_code>/help/", HelpView.as_view(), name="help"),
    path("shares/<str:share_code>/proof/", ProofView.as_view(), name="proof"),
]
