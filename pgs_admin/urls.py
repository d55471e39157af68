"""Pages of the back office that show no model's rows; Django's admin owns the rest below /admin/."""

from django.contrib import admin
from django.urls import path

from pgs_admin.flow.views import show_flow, show_invariants
from pgs_admin.group.guarantees import show_guarantees
from pgs_admin.payment.faults import show_faults
from pgs_admin.payment.gateways import show_gateways
from pgs_admin.payment.story_page import find_story, show_story
from pgs_admin.play.figures import show_figures
from pgs_admin.play.previews import preview_rules
from pgs_admin.play.refusals import show_refusals
from pgs_admin.play.views import show_play, show_plays
from pgs_admin.settlement.views import export_settlement, show_settlement
from pgs_admin.statements.views import compare_statement_day

app_name = "back_office"
urlpatterns = [
    path("guarantees/", admin.site.admin_view(show_guarantees), name="guarantees"),
    path("money/", admin.site.admin_view(find_story), name="find_story"),
    path("money/<id:order_id>/", admin.site.admin_view(show_story), name="story"),
    path("flow/", admin.site.admin_view(show_flow), name="flow"),
    path("sandbox-faults/", admin.site.admin_view(show_faults), name="sandbox_faults"),
    path("gateways/", admin.site.admin_view(show_gateways), name="gateways"),
    path("compare-day/", admin.site.admin_view(compare_statement_day), name="compare_day"),
    path("settlement/", admin.site.admin_view(show_settlement), name="settlement"),
    path("settlement.csv", admin.site.admin_view(export_settlement), name="settlement_csv"),
    path("games/", admin.site.admin_view(show_plays), name="plays"),
    path("games/<slug:code>/", admin.site.admin_view(show_play), name="play"),
    path("games/<slug:code>/figures/", admin.site.admin_view(show_figures), name="play_figures"),
    path("games/<slug:code>/preview/", admin.site.admin_view(preview_rules), name="play_preview"),
    path(
        "games/<slug:code>/<id:campaign_id>/preview/",
        admin.site.admin_view(preview_rules),
        name="play_preview",
    ),
    path("games/<slug:code>/refused/", admin.site.admin_view(show_refusals), name="play_refusals"),
    path("games/<slug:code>/<id:campaign_id>/", admin.site.admin_view(show_play), name="campaign"),
    path("invariants/", admin.site.admin_view(show_invariants), name="invariants"),
]
