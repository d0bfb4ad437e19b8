# SPDX-License-Identifier: Apache-2.0
"""What all objects of the API have in common."""

from typing import Any, ClassVar

from nova_pyvirt.libvirt.handle import Handle


class Object:
    """An object with a handle, which is freed with it.

    :ivar _o: the handle; None once the object was closed
    :cvar _kind: libvirt's name of the class, kept by subclasses
    """

    _kind: ClassVar[str]
    _o: Handle | None

    def __del__(self) -> None:
        handle = self.__dict__.get("_o")
        self._o = None
        if handle is not None:
            handle.free()

    def c_pointer(self) -> Any:
        """An integer that is the same for two names of the same C object, as nothing more."""
        return 0 if self._o is None else id(self._o)


def check_handle(handle: Any) -> Handle:
    """Refuses what is no handle, as libvirt-python does."""
    if not isinstance(handle, Handle):
        raise Exception(f"Expected a wrapped C Object but got {type(handle)}")
    return handle


class Owned(Object):
    """An object that belongs to a connection.

    :param conn: the virConnect, or another object of it
    """

    _conn: Any

    def __init__(self, conn: Any, _obj: object | None = None) -> None:
        self._conn = conn
        self._o = check_handle(_obj)

    def connect(self) -> Any:
        """The virConnect."""
        return self._conn
