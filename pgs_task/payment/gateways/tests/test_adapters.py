"""Every adapter of the settings offers all of the contract; a type checker can't follow a path in a setting."""

from django.conf import settings
from django.utils.module_loading import import_string

from pgs_task.payment.alipay.adapter import AlipayGateway
from pgs_task.payment.alipay.tests import making as alipay
from pgs_task.payment.gateways.contract import Gateway
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.wechat.adapter import WeChatGateway
from pgs_task.payment.wechat.tests import making as wechat


def test_every_adapter_is_a_gateway():
    # Annotated, so that the type checker compares them with the protocol.
    gateways: list[Gateway] = [
        SandboxGateway(),
        AlipayGateway(alipay.make_account()),
        WeChatGateway(wechat.make_account()),
    ]
    assert {gateway.code for gateway in gateways} == set(settings.PAYMENT_GATEWAY_ADAPTERS)
    wanted = {name for name in vars(Gateway) if not name.startswith("_")}
    assert len(wanted) >= 10
    for code, path in settings.PAYMENT_GATEWAY_ADAPTERS.items():
        adapter = import_string(path)
        assert adapter.code == code
        assert not wanted - set(dir(adapter)), path
