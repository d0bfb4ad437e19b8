# SPDX-License-Identifier: Apache-2.0
"""pyvirtd: the driver table behind libvirt's RPC."""

from nova_pyvirt.daemon import admin, auth, calls, events, special, streams
from nova_pyvirt.daemon.acl import Policy
from nova_pyvirt.daemon.dispatch import Dispatcher
from nova_pyvirt.daemon.server import Server, Service
from nova_pyvirt.daemon.settings import Settings

__all__ = [
    "Dispatcher",
    "Policy",
    "Server",
    "Service",
    "Settings",
    "admin",
    "auth",
    "calls",
    "events",
    "special",
    "streams",
]
