"""Games as shoppers see them."""

from rest_framework import serializers


class PlaySerializer(serializers.Serializer):
    code = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    entrance = serializers.CharField(allow_null=True)
    takes_new = serializers.BooleanField(help_text="False: nothing new starts, what runs goes on to its end.")


class PlaysSerializer(serializers.Serializer):
    results = PlaySerializer(many=True)
