"""Addresses of activities below /api/v1/."""

from django.urls import path

from pgs_web.display.activity.views import ActivitiesView, ActivityView

urlpatterns = [
    path("activities/", ActivitiesView.as_view(), name="activities"),
    path("activities/<id:activity_id>/", ActivityView.as_view(), name="activity"),
]
