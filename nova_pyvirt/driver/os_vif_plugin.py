# SPDX-License-Identifier: Apache-2.0
"""An os-vif plugin that plugs nothing: loading it makes ``nova.virt.pyvirt`` importable.

nova-compute (26 to 34) calls os_vif.initialize(), which loads every plugin, before it imports its
compute driver; the first import of this package installs the finder (nova_pyvirt/finder.py).
"""

from typing import Any

from os_vif import exception, objects, plugin


class PyVirtPlugin(plugin.PluginBase):  # type: ignore[misc]
    """Handles no kind of interface; os-vif never chooses it."""

    def describe(self) -> Any:
        """PluginBase.describe: no VIF types."""
        return objects.host_info.HostPluginInfo(plugin_name="pyvirt", vif_info=[])

    def plug(self, vif: Any, instance_info: Any) -> None:
        """PluginBase.plug: never called; refuses."""
        raise exception.NoMatchingPlugin(plugin_name=vif.plugin)

    def unplug(self, vif: Any, instance_info: Any) -> None:
        """PluginBase.unplug: never called; refuses."""
        raise exception.NoMatchingPlugin(plugin_name=vif.plugin)
