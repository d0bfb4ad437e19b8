# SPDX-License-Identifier: Apache-2.0
"""Running one of the host's programs (virCommandRun)."""

from typing import Final

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import subprocess

_DEADLINE: Final = 30.0


def run(command: list[str]) -> None:
    """Runs a program to its end, without input; what it prints only shows in the error.

    :raises libvirtError: INTERNAL_ERROR when there is none or it fails, OPERATION_TIMEOUT
    """
    text = " ".join(command)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError:
        detail = f"Cannot find '{command[0]}' in path"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE) from None
    except subprocess.TimeoutExpired:
        detail = f"{text} took too long"
        raise error(Code.OPERATION_TIMEOUT, detail, domain=From.NONE) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        detail = f"Child process ({text}) unexpected exit status {done.returncode}"
        if said:
            detail += f": {said}"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
