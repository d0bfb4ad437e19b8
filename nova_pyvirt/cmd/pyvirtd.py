# SPDX-License-Identifier: Apache-2.0
"""pyvirtd: serves libvirt's RPC with the drivers of this package."""

import argparse
import sys

from nova_pyvirt.core.hooks import Hooks
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.daemon import logs
from nova_pyvirt.daemon.drivers import Drivers
from nova_pyvirt.daemon.main import Daemon, directories, serve
from nova_pyvirt.daemon.process import (
    Launch,
    PidFile,
    allow_many_clients,
    collect_less,
    into_background,
)
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.opening import paths_of
from nova_pyvirt.util.native import os


def _parser() -> argparse.ArgumentParser:
    """The options are libvirtd's, and a few more."""
    config, directory = directories()
    parser = argparse.ArgumentParser(prog="pyvirtd", description=__doc__)
    parser.add_argument("-v", "--verbose", action="store_true", help="verbose messages")
    parser.add_argument("-d", "--daemon", action="store_true", help="run in the background")
    parser.add_argument(
        "-l", "--listen", action="store_true", help="listen on TCP and TLS as configured"
    )
    parser.add_argument("-f", "--config", default=config, help="configuration file")
    parser.add_argument("-p", "--pid-file", default="", help="file for the process id")
    parser.add_argument(
        "-t", "--timeout", type=int, help="end after so many seconds without clients and guests"
    )
    parser.add_argument("--directory", default=directory, help="directory of the sockets")
    parser.add_argument("-u", "--uri", default=_uri(), help="the default connection")
    parser.add_argument("-V", "--version", action="version", version=_version())
    return parser


def _uri() -> str:
    return "qemu:///system" if os.geteuid() == 0 else "qemu:///session"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"pyvirtd (nova-pyvirt) {version('nova-pyvirt')}"
    except PackageNotFoundError:
        return "pyvirtd (nova-pyvirt)"


def _hooks(uri: str) -> Hooks:
    """The scripts "daemon" of the directories that `uri` uses."""
    paths = paths_of(uri)
    settings = Settings.load(paths)
    directory = paths.hooks_dir if settings.hooks_enabled else None
    return Hooks(directory, "daemon", timeout=settings.hook_timeout)


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    args.config = os.path.abspath(args.config)
    allow_many_clients()
    launch = into_background() if args.daemon else Launch()
    try:
        logs.start(args.verbose, background=args.daemon)
        pid_file = PidFile(args.pid_file) if args.pid_file else None
        drivers = Drivers(args.uri)
        try:
            hooks = _hooks(args.uri)
            daemon = Daemon(drivers, args.config, args.directory, listen=args.listen, hooks=hooks)
            collect_less()
            serve(daemon, launch.ready, args.timeout)
        finally:
            drivers.close()
            if pid_file is not None:
                pid_file.close()
    except libvirtError as exc:
        launch.failed(f"pyvirtd: {exc}")
        if not args.daemon:
            print(f"pyvirtd: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
