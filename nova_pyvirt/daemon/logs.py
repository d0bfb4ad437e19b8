# SPDX-License-Identifier: Apache-2.0
"""The daemon's log: to standard error, or as log_level and log_outputs of libvirtd.conf say."""

import logging
import logging.handlers
import re
import sys
from typing import Final

LOG = logging.getLogger(__name__)

FORMAT: Final = "%(asctime)s.%(msecs)03d+0000: %(thread)d: %(levelname)s : %(name)s : %(message)s"
_PLAIN: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: libvirt's levels: debug, information, warnings, errors
_LEVELS: Final = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_FILTER: Final = re.compile(r"([1-4]):\+?([\w.]+)$")
#: parts of libvirt by the first word of their names: our loggers
_PARTS: Final = {
    "access": ("daemon.acl", "daemon.polkitacl"),
    "conf": ("model", "core.settings"),
    "cpu": ("hypervisors.qemu.caps",),
    "daemon": ("daemon",),
    "event": ("core.eventbus", "util.loop"),
    "libvirt": ("libvirt",),
    "qemu": ("hypervisors.qemu",),
    "remote": ("daemon", "hypervisors.remote"),
    "rpc": ("daemon", "wire"),
    "security": ("core.security",),
    "test": ("hypervisors.test",),
    "util": ("util", "core"),
}
_OUTPUT: Final = re.compile(r"([1-4]):(stderr|syslog|file|journald)(?::(.*))?$")


def start(verbose: bool, background: bool) -> None:
    """What holds until the configuration is read: standard error, or nothing in the background."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format=_PLAIN,
        handlers=[logging.NullHandler() if background else logging.StreamHandler()],
    )


def configure(level: int, outputs: str) -> list[str]:
    """Takes libvirt's log_level (1-4, 0 for none) and log_outputs ("3:file:/path 1:stderr").

    :returns: the outputs that have no equal here (journald)
    """
    root = logging.getLogger()
    left: list[str] = []
    made: list[logging.Handler] = []
    for text in outputs.split():
        handler = _output(text)
        if handler is None:
            left.append(text)
        else:
            made.append(handler)
    if made:
        for old in root.handlers[:]:
            root.removeHandler(old)
        for handler in made:
            root.addHandler(handler)
        root.setLevel(min(h.level for h in made))
    if level in _LEVELS:
        root.setLevel(_LEVELS[level])
    return left


def narrow(filters: str) -> list[str]:
    """Takes libvirt's log_filters ("1:qemu 4:rpc"): levels of parts, whatever log_level says.

    :returns: the filters of parts that have no equal here
    """
    left = []
    for text in filters.split():
        match = _FILTER.match(text)
        parts = _PARTS.get(match[2].split(".")[0]) if match else None
        if match is None or parts is None:
            left.append(text)
            continue
        for name in parts:
            logging.getLogger(f"nova_pyvirt.{name}").setLevel(_LEVELS[int(match[1])])
    return left


def _output(text: str) -> logging.Handler | None:
    match = _OUTPUT.match(text)
    if match is None:
        return None
    number, kind, detail = match.groups()
    handler: logging.Handler
    try:
        if kind == "stderr":
            handler = logging.StreamHandler(sys.stderr)
        elif kind == "file" and detail:
            handler = logging.FileHandler(detail)
        elif kind == "syslog":
            handler = logging.handlers.SysLogHandler("/dev/log")
        else:
            return None
    except OSError as exc:
        LOG.warning("log output %s: %s", text, exc)
        return None
    handler.setLevel(_LEVELS[int(number)])
    handler.setFormatter(logging.Formatter(FORMAT, "%Y-%m-%d %H:%M:%S"))
    return handler
