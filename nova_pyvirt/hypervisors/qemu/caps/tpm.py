# SPDX-License-Identifier: Apache-2.0
"""Is there a software TPM on the host, and which versions can it be?"""

import json

from nova_pyvirt.util.native import os, subprocess, threading

_PROGRAMS = ("swtpm", "swtpm_setup", "swtpm_ioctl")
_VERSIONS = (("tpm-1.2", "1.2"), ("tpm-2.0", "2.0"))
_DEADLINE = 10.0

_lock = threading.Lock()
_known: dict[tuple[str, int], tuple[str, ...]] = {}


def _in_path(name: str) -> str | None:
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def swtpm_versions() -> tuple[str, ...] | None:
    """The versions swtpm_setup makes (``1.2``, ``2.0``); None without swtpm.

    Asked once for a program; again when it has been replaced.
    """
    paths = [_in_path(name) for name in _PROGRAMS]
    setup = paths[1]
    if setup is None or None in paths:
        return None
    key = (setup, os.stat(setup).st_ctime_ns)
    with _lock:
        if key not in _known:
            _known[key] = _ask(setup)
        return _known[key]


def _ask(program: str) -> tuple[str, ...]:
    try:
        done = subprocess.run(
            [program, "--print-capabilities"],
            capture_output=True,
            timeout=_DEADLINE,
            check=True,
        )
        features = json.loads(done.stdout)["features"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return ()
    return tuple(version for feature, version in _VERSIONS if feature in features)
