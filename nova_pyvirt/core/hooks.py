# SPDX-License-Identifier: Apache-2.0
"""Hook scripts: the administrator's programs that run at points of a domain's life.

libvirt's rules (docs/hooks): HOOKS_DIR/DRIVER, then HOOKS_DIR/DRIVER.d/* in order of name;
arguments object, operation, sub-operation, extra ("-" when empty); the XML on standard input; what
exists is decided once, when the driver state opens. Ours: limits of time and output for a script
and all it has started, and no lock is held while it runs.
"""

from dataclasses import dataclass
from typing import Final

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os
from nova_pyvirt.util.script import ScriptTimeout, run

_KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")
#: bytes that a script may write: a definition is never as long
OUTPUT_LIMIT: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Hooks:
    """The scripts of one driver.

    :ivar scripts: paths, in the order they run
    :ivar timeout: seconds that each may take
    """

    scripts: tuple[str, ...] = ()
    timeout: float = 60.0

    @classmethod
    def find(cls, directory: str, driver: str, *, timeout: float) -> "Hooks":
        """What `directory` holds for a driver ("qemu") now."""
        found = [f"{directory}/{driver}"]
        try:
            found += sorted(entry.path for entry in os.scandir(f"{directory}/{driver}.d"))
        except OSError:
            pass  # no such directory: only the one script
        usable = (path for path in found if os.path.isfile(path) and os.access(path, os.X_OK))
        return cls(tuple(usable), timeout)

    def __bool__(self) -> bool:
        return bool(self.scripts)

    def call(self, name: str, operation: str, sub: str, extra: str | None, xml: str) -> str:
        """Runs the scripts one after the other; each gets the one before's output, if it had any.

        :param name: the object's name
        :returns: the last output, "" when no script wrote anything
        :raises libvirtError: HOOK_SCRIPT_FAILED, with what the script said
        """
        output = ""
        for script in self.scripts:
            text = self._run(script, [name, operation, sub, extra or "-"], output or xml)
            output = text or output
        return output

    def _run(self, script: str, args: list[str], stdin: str) -> str:
        env = {key: os.environ[key] for key in _KEPT if key in os.environ} | {"LC_ALL": "C"}
        command = [script, *args]
        try:
            done = run(command, stdin.encode(), env, timeout=self.timeout, limit=OUTPUT_LIMIT)
        except ScriptTimeout:
            raise _failed(f"{script} did not end within {self.timeout:g} s") from None
        except OSError as exc:
            raise _failed(f"cannot execute {script}: {os.strerror(exc.errno or 0)}") from exc
        if done.status:
            raise _failed(_exit_text(command, done.status, done.errors))
        if done.cut:
            raise _failed(f"{script} wrote more than {OUTPUT_LIMIT} bytes")
        return done.output.decode(errors="replace")


def _exit_text(command: list[str], status: int, stderr: bytes) -> str:
    """libvirt's words for a child that failed (virCommandWait)."""
    how = f"unexpected exit status {status}" if status > 0 else f"unexpected fatal signal {-status}"
    said = stderr.decode(errors="replace")
    environment = f"LC_ALL=C {' '.join(command)}"
    text = f"internal error: Child process ({environment}) {how}"
    return f"{text}: {said}" if said else text


def _failed(detail: str) -> libvirtError:
    return error(Code.HOOK_SCRIPT_FAILED, detail, domain=From.HOOK)
