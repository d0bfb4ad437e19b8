# SPDX-License-Identifier: Apache-2.0
"""What this process is doing, for operators: tables that others can ask for."""

from nova_pyvirt.core.introspect.client import Unreachable, ask
from nova_pyvirt.core.introspect.reports import REPORTS, Row
from nova_pyvirt.core.introspect.server import serve_unix

__all__ = ["REPORTS", "Row", "Unreachable", "ask", "serve_unix"]
