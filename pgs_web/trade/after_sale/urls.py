"""Addresses of after-sale, below /api/v1/."""

from django.urls import path

from pgs_web.trade.after_sale.views import AfterSaleRequestsView, AfterSaleRequestView, ParcelView, TakeBackView

app_name = "after_sale"
urlpatterns = [
    path("after-sale-requests/", AfterSaleRequestsView.as_view(), name="requests"),
    path("after-sale-requests/<id:request_id>/", AfterSaleRequestView.as_view(), name="request"),
    path("after-sale-requests/<id:request_id>/cancel/", TakeBackView.as_view(), name="cancel"),
    path("after-sale-requests/<id:request_id>/parcel/", ParcelView.as_view(), name="parcel"),
]
