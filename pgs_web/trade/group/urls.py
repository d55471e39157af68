"""Addresses of groups, below /api/v1/."""

from django.urls import path

from pgs_web.trade.group.views import GroupPageView, JoinableGroupsView

app_name = "group"
urlpatterns = [
    path("groups/<id:group_id>/", GroupPageView.as_view(), name="group"),
    path("activities/<id:activity_id>/groups/", JoinableGroupsView.as_view(), name="groups_of_activity"),
]
