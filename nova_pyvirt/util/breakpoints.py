# SPDX-License-Identifier: Apache-2.0
"""Named places where a test can have this process die as by kill -9.

NOVA_PYVIRT_BREAK=NAME in the environment: the process ends itself when it comes to that place.
"""

import signal
from typing import Final

from nova_pyvirt.util.native import os

VARIABLE: Final = "NOVA_PYVIRT_BREAK"


def reach(name: str) -> None:
    """Dies here when the environment says so."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
