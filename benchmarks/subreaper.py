# SPDX-License-Identifier: Apache-2.0
"""Runs a command and reaps every orphan below it at once.

    python benchmarks/subreaper.py COMMAND...

libvirtd's QEMU is a daemon whose parent becomes PID 1. Where PID 1 is slow to reap, as in many
containers, libvirtd's destroy would look slow.
"""

import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:])
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
