# SPDX-License-Identifier: Apache-2.0
"""The standard library's blocking modules, never monkey-patched.

``from nova_pyvirt.util.native import threading, time`` gives modules that block the calling OS
thread, whether eventlet patches the process before or after this import, or never. eventlet
changes modules in place, so a reference kept from before the patching protects nothing: each
module here is a private copy of the standard library's code, whose own imports are bound to the
other private copies. eventlet itself is never imported: nova in threading mode forbids it.

The exception classes that callers catch are the standard library's own. ``os.environ`` is shared.

:func:`offload` is the way from a greenthread into code that blocks.
"""

import builtins
import importlib.machinery
import importlib.util
import sys
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from nova_pyvirt.errors import Code, error

if TYPE_CHECKING:
    import os
    import queue
    import select
    import selectors
    import socket
    import subprocess
    import threading
    import time

__all__ = [
    "Future",
    "offload",
    "on_hub",
    "os",
    "queue",
    "select",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
]

_PREFIX = "nova_pyvirt.util.native."
_private: dict[str, ModuleType] = {}


def _import(
    name: str,
    globals_: Any = None,
    locals_: Any = None,
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    """``__import__`` as the private copies see it: one another first, then everybody's modules."""
    if level == 0 and name in _private:
        return _private[name]
    return builtins.__import__(name, globals_, locals_, fromlist, level)


_builtins = dict(vars(builtins), __import__=_import)


def _code(spec: importlib.machinery.ModuleSpec) -> CodeType | None:
    """A Python module's code; None for one written in C."""
    get_code = getattr(spec.loader, "get_code", None)
    return get_code(spec.name) if get_code else None


def _copy(name: str) -> ModuleType:
    """Makes the private copy of the standard library's module `name`."""
    spec = importlib.machinery.BuiltinImporter.find_spec(name)
    spec = spec or importlib.machinery.FrozenImporter.find_spec(name)
    spec = spec or importlib.machinery.PathFinder.find_spec(name)
    if spec is None or spec.loader is None:
        raise error(Code.INTERNAL_ERROR, f"no module {name}")
    code = _code(spec)
    if code is None:  # written in C: a second instance with functions and types of its own
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = ModuleType(_PREFIX + name, spec.name)
        vars(module).update(__builtins__=_builtins, __file__=spec.origin)
        sys.modules[module.__name__] = module  # the enum machinery looks its module up
        exec(code, vars(module))  # noqa: S102 - the standard library's own code
    _private[name] = module
    return module


def _share(name: str, *attributes: str) -> None:
    """Lets the copy of `name` use the standard module's own objects: one class for all to catch."""
    standard = importlib.import_module(name)
    for attribute in attributes:
        setattr(_private[name], attribute, getattr(standard, attribute))


for _name in ("_thread", "time", "select", "os", "selectors", "socket", "threading", "queue"):
    _copy(_name)
_copy("subprocess")
_share("os", "environ", "environb", "PathLike")
_share("queue", "Empty", "Full")
_share("threading", "BrokenBarrierError")
_share("subprocess", "SubprocessError", "CalledProcessError", "TimeoutExpired", "CompletedProcess")

if not TYPE_CHECKING:
    os = _private["os"]
    queue = _private["queue"]
    select = _private["select"]
    selectors = _private["selectors"]
    socket = _private["socket"]
    subprocess = _private["subprocess"]
    threading = _private["threading"]
    time = _private["time"]

# These are built on the modules above, hence imported when those exist.
from nova_pyvirt.util.nativecall import Future, offload, on_hub  # noqa: E402
