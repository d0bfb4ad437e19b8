# SPDX-License-Identifier: Apache-2.0
"""nova_pyvirt's configuration: an oslo.config object of its own, apart from nova's."""

from nova_pyvirt.conf.load import CONF, load, paths_profile, reset

__all__ = ["CONF", "load", "paths_profile", "reset"]
