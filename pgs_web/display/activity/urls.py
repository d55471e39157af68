"""Addresses of activities below /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import get_converters

from pgs_web.api.ids import IdConverter
from pgs_web.display.activity.views import ActivitiesView, ActivityView

if "id" not in get_converters():
    register_converter(IdConverter, "id")

urlpatterns = [
    path("activities/", ActivitiesView.as_view(), name="activities"),
    path("activities/<id:activity_id>/", ActivityView.as_view(), name="activity"),
]
