from django.apps import AppConfig


class MemberConfig(AppConfig):
    name = "pgs_web.member"
    label = "member"
