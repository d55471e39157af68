"""Gateways, their secrets, and how often payments and refunds are asked about."""

from config.env import env

# Codes of the gateways that shoppers may choose, in the order in which pages offer them.
PAYMENT_GATEWAYS: list[str] = env.list("PAYMENT_GATEWAYS", default=["sandbox"])
# code → adapter; a code above without an adapter here is refused at the start.
PAYMENT_GATEWAY_ADAPTERS: dict[str, str] = {
    "sandbox": "pgs_task.payment.sandbox_gateway.adapter.SandboxGateway",
    "alipay": "pgs_task.payment.alipay.adapter.AlipayGateway",
    "wechat": "pgs_task.payment.wechat.adapter.WeChatGateway",
}
# Where gateways reach the shop, "https://shop.example.com": they are told with each payment.
PAYMENT_NOTICE_BASE_URL: str = env("PAYMENT_NOTICE_BASE_URL", default="")
# The page to which a gateway's own page leads back; empty: none. That somebody comes back says nothing about money.
PAYMENT_RETURN_URL: str = env("PAYMENT_RETURN_URL", default="")
# What shoppers read in their bank's list of payments, in front of the order's number. Letters and digits.
PAYMENT_SUBJECT: str = env("PAYMENT_SUBJECT", default="PGS")

# Read by pgs_task/payment/alipay/account.py alone. A key is its PEM text or the path of its file.
ALIPAY: dict[str, str] = {
    "app_id": env("ALIPAY_APP_ID", default=""),
    "seller_id": env("ALIPAY_SELLER_ID", default=""),
    "private_key": env("ALIPAY_PRIVATE_KEY", default=""),
    "public_key": env("ALIPAY_PUBLIC_KEY", default=""),
    "endpoint": env("ALIPAY_ENDPOINT", default="https://openapi.alipay.com/gateway.do"),
}
# Read by pgs_task/payment/wechat/account.py alone. A key is its PEM text or the path of its file.
WECHAT: dict[str, str] = {
    "mchid": env("WECHAT_MCHID", default=""),
    "appid": env("WECHAT_APPID", default=""),
    "certificate_serial": env("WECHAT_CERTIFICATE_SERIAL", default=""),
    "private_key": env("WECHAT_PRIVATE_KEY", default=""),
    "apiv3_key": env("WECHAT_APIV3_KEY", default=""),
    "public_key_id": env("WECHAT_PUBLIC_KEY_ID", default=""),
    "public_key": env("WECHAT_PUBLIC_KEY", default=""),
    "platform_certificates": env("WECHAT_PLATFORM_CERTIFICATES", default=""),
    "endpoint": env("WECHAT_ENDPOINT", default="https://api.mch.weixin.qq.com"),
}

SANDBOX_GATEWAY_SECRET: str = env("SANDBOX_GATEWAY_SECRET", default="sandbox-secret-for-demo-and-tests-only")
# What the sandbox gateway keeps of a payment, in hundredths of a percent; it gives it back with refunds.
SANDBOX_GATEWAY_FEE_BASIS_POINTS: int = env.int("SANDBOX_GATEWAY_FEE_BASIS_POINTS", default=60)
SANDBOX_GATEWAY_APP_ID: str = env("SANDBOX_GATEWAY_APP_ID", default="pgs-sandbox")
# Where the sandbox gateway sends its notices; empty: to the loopback address at which it was called.
SANDBOX_NOTICE_BASE_URL: str = env("SANDBOX_NOTICE_BASE_URL", default="")

# What a gateway keeps of a payment, in hundredths of a percent (60: 0.6 %, half a fen counts as one); 0 when not named.
PAYMENT_FEE_BASIS_POINTS: dict[str, int] = env.dict(
    "PAYMENT_FEE_BASIS_POINTS", cast={"value": int}, default={"sandbox": 60}
)
# Gateways that give the fee back with a refund, in proportion; the others keep it.
PAYMENT_FEES_RETURNED_BY: list[str] = env.list("PAYMENT_FEES_RETURNED_BY", default=["sandbox", "wechat"])

# Seconds until the gateway is asked about a payment whose notice didn't come, then between further questions; the
# last one repeats until the payment is decided.
PAYMENT_QUERY_SECONDS: list[int] = env.list("PAYMENT_QUERY_SECONDS", cast=int, default=[10, 30, 60, 300, 900, 3600])
# A payment that is open so long after its order's pay-by time is closed at the gateway, not only asked about.
PAYMENT_CLOSE_AFTER_SECONDS: int = env.int("PAYMENT_CLOSE_AFTER_SECONDS", default=60)
# Seconds until the gateway is asked about a payment that was closed, then between further questions; after the last one
# only the day's statement tells. Whoever was paying when it was closed may have paid all the same, and its notice, too,
# may get lost.
PAYMENT_CLOSED_QUERY_SECONDS: list[int] = env.list(
    "PAYMENT_CLOSED_QUERY_SECONDS", cast=int, default=[60, 600, 3600, 21_600]
)
# Seconds between the tries of a refund (each ± a fifth); after the last one a person decides. Together about 20 hours,
# within REFUND_WITHIN_SECONDS.
REFUND_RETRY_SECONDS: list[int] = env.list(
    "REFUND_RETRY_SECONDS", cast=int, default=[2, 5, 15, 60, 300, 1800, 7200, 21_600, 43_200]
)
