# SPDX-License-Identifier: Apache-2.0
"""The process's configuration object and how it is read.

nova_pyvirt lives in other people's processes (nova-compute, virt-install, a script that says
``import libvirt``), so it never touches ``oslo_config.cfg.CONF``, which is theirs.
"""

import os
from typing import Any, cast

from oslo_config import cfg

from nova_pyvirt.conf import opts
from nova_pyvirt.errors import Code, error

DEFAULT_FILE = "/etc/nova-pyvirt/nova-pyvirt.conf"

ENV_FILE = "NOVA_PYVIRT_CONFIG"
"""Environment variable that names another configuration file."""

ENV_PATHS = "NOVA_PYVIRT_PATHS"
"""Environment variable that overrides ``[paths] paths``."""

# Any: options are attributes that exist at run time only, and oslo.config ships no types.
CONF = cast(Any, cfg.ConfigOpts())
_state = {"loaded": False}

for _group, _options in opts.list_opts():
    CONF.register_opts(_options, group=_group)


def load(path: str | None = None) -> None:
    """Reads the configuration file once; later calls do nothing.

    `path` names the file; without it NOVA_PYVIRT_CONFIG or the default place is taken, and a
    default file that does not exist means that every option has its default. Raises libvirtError
    (CONF_SYNTAX) when the file is missing though named, or cannot be parsed.
    """
    if _state["loaded"]:
        return
    named = path or os.environ.get(ENV_FILE)
    files = [named] if named else [DEFAULT_FILE] if os.path.exists(DEFAULT_FILE) else []
    try:
        # use_env: OS_<GROUP>__<OPTION> belongs to the process we live in, not to us
        CONF([], project="nova-pyvirt", default_config_files=files, use_env=False)
    except (cfg.Error, OSError) as e:
        raise error(Code.CONF_SYNTAX, f"{' '.join(files)}: {e}") from e
    _state["loaded"] = True


def reset() -> None:
    """Forgets what was read and every override, so that load() reads again (for tests)."""
    CONF.reset()
    CONF.clear()
    _state["loaded"] = False


def paths_profile() -> str:
    """The roots of all directories: ``own`` or ``libvirt``. Raises libvirtError (CONF_SYNTAX)."""
    value = os.environ.get(ENV_PATHS) or str(CONF.paths.paths)
    if value not in opts.PATHS_PROFILES:
        raise error(
            Code.CONF_SYNTAX, f"{ENV_PATHS}={value}: expected {' or '.join(opts.PATHS_PROFILES)}"
        )
    return value
