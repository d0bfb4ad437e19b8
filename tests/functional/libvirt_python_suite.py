#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs libvirt-python's own test-suite on this package and prints the counts.

usage: libvirt_python_suite.py SDIST inprocess
       libvirt_python_suite.py SDIST SOCKET     (under a Python that has libvirt-python)

SDIST is the unpacked source of libvirt-python 9.0.0 (pip download --no-deps --no-binary :all:).
``inprocess`` puts nova_pyvirt.libvirt in libvirt's place; SOCKET is pyvirtd's libvirt-sock, to which
every test:/// connection is sent.
"""

import sys
import types
import unittest


def in_process(sdist: str) -> None:
    """Our modules under libvirt's names; libvirtaio, which is pure Python, is libvirt's own."""
    from nova_pyvirt import libvirt

    binding = types.ModuleType("libvirtmod")
    vars(binding)["virEventRegisterImpl"] = libvirt.virEventRegisterImpl
    sys.modules.update(libvirt=libvirt, libvirtmod=binding)
    sys.path.append(sdist)


def over(socket: str) -> None:
    """libvirt-python itself, its test connections sent to a daemon."""
    import libvirt

    plain, with_auth = libvirt.open, libvirt.openAuth

    def sent(uri: str) -> str:
        path = uri.removeprefix("test://")
        return uri if path == uri else f"test+unix://{path}?socket={socket}"

    libvirt.open = lambda uri=None: plain(sent(uri))
    libvirt.openAuth = lambda uri, auth, flags=0: with_auth(sent(uri), auth, flags)


def main() -> int:
    sdist, way = sys.argv[1:3]
    if way == "inprocess":
        in_process(sdist)
    else:
        over(way)
    sys.path.insert(0, f"{sdist}/tests")
    suite = unittest.defaultTestLoader.discover(f"{sdist}/tests")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    good = result.testsRun - bad - len(result.skipped)
    print(f"{good} passed, {bad} failed, {len(result.skipped)} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
