"""Address of the front page below /api/v1/."""

from django.urls import path

from pgs_web.display.home.views import HomeView

urlpatterns = [path("home/", HomeView.as_view(), name="home")]
