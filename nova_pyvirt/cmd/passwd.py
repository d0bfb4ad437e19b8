# SPDX-License-Identifier: Apache-2.0
"""pyvirtd-passwd: adds, changes or removes a user who may log in to pyvirtd by SASL."""

import argparse
import getpass
import sys

from nova_pyvirt.daemon import sasl
from nova_pyvirt.daemon.main import passwords_file
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.util.files import write_atomic
from nova_pyvirt.util.native import os


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pyvirtd-passwd", description=__doc__)
    parser.add_argument("user")
    parser.add_argument("-f", "--file", default=passwords_file(), help="file of the verifiers")
    parser.add_argument("-d", "--delete", action="store_true", help="remove the user")
    args = parser.parse_args(argv)
    if (
        not args.user
        or ":" in args.user
        or args.user.startswith("#")
        or not args.user.isprintable()
    ):
        parser.error("a user's name has no ':' and does not begin with '#'")
    try:
        line = "" if args.delete else f"{args.user}:{sasl.make(_password())}"
        known = change(args.file, args.user, line)
    except (libvirtError, OSError) as exc:
        print(f"pyvirtd-passwd: {exc}", file=sys.stderr)
        return 1
    if args.delete and not known:
        print(f"pyvirtd-passwd: {args.file} has no user {args.user}", file=sys.stderr)
        return 1
    return 0


def _password() -> str:
    """From the terminal, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass()


def change(path: str, user: str, line: str) -> bool:
    """Puts `line` in the place of the user's ("" removes it); whether he was there."""
    lines: list[str] = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    kept = [old for old in lines if old.partition(":")[0] != user]
    made = kept + [line] if line else kept
    write_atomic(path, "".join(f"{text}\n" for text in made).encode())
    return len(kept) < len(lines)


if __name__ == "__main__":
    sys.exit(main())
