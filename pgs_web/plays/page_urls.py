"""Addresses of the games' pages, below /g/."""

from django.urls import path

from pgs_web.plays.page_views import show_own, show_shared

urlpatterns = [
    path("", show_own, name="play-own"),
    path("<str:code>/<str:share_code>/", show_shared, name="play-page"),
]
