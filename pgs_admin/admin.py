"""Django looks for an app's `admin` module: here are the back office's rooms."""

from pgs_admin.group import admin as group
from pgs_admin.member import admin as member
from pgs_admin.order import admin as order
from pgs_admin.payment import admin as payment

__all__ = ["group", "member", "order", "payment"]
