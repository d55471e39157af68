"""Addresses of the games, below /api/v1/: the list, and each game's own below its code."""

from django.urls import URLPattern, URLResolver, include, path

from pgs_web.plays.eligibility.views import DevicesView
from pgs_web.plays.registry import all_plays
from pgs_web.plays.views import PlaysView

urlpatterns: list[URLPattern | URLResolver] = [
    path("plays/", PlaysView.as_view(), name="plays"),
    path("devices/", DevicesView.as_view(), name="devices"),
    *(path(f"plays/{play.code}/", include(play.urls)) for play in all_plays() if play.urls is not None),
]
