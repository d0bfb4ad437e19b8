# SPDX-License-Identifier: Apache-2.0
"""Where nova looks for ``compute_driver = pyvirt.PyVirtDriver``.

No ``nova/__init__.py`` stands beside this directory: nova's own package must win.
"""

from nova_pyvirt.driver.driver import PyVirtDriver

__all__ = ["PyVirtDriver"]
