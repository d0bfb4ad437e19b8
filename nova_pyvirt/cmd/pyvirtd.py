# SPDX-License-Identifier: Apache-2.0
"""pyvirtd: serves libvirt's RPC with the drivers of this package."""

import argparse
import logging
import sys
from typing import Any

from nova_pyvirt.daemon.main import Daemon, directories, serve
from nova_pyvirt.errors import libvirtError


def _opener(uri: str) -> Any:
    """Opens what a client asks for; without a name the daemon's default."""

    def open_(name: str | None, flags: int) -> Any:
        from nova_pyvirt.core.registry import open_connection

        return open_connection(name or uri, flags, None)

    return open_


def main(argv: list[str] | None = None) -> int:
    config, directory = directories()
    parser = argparse.ArgumentParser(prog="pyvirtd", description=__doc__)
    parser.add_argument("-f", "--config", default=config, help="configuration file")
    parser.add_argument("-d", "--directory", default=directory, help="directory of the sockets")
    parser.add_argument("-u", "--uri", default="qemu:///system", help="the default connection")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        serve(Daemon(_opener(args.uri), args.config, args.directory))
    except libvirtError as exc:
        print(f"pyvirtd: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
