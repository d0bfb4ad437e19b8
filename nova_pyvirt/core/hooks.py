# SPDX-License-Identifier: Apache-2.0
"""Hook scripts: the administrator's programs that run at points of a domain's or the daemon's life.

libvirt's rules (docs/hooks, virhook.c): HOOKS_DIR/DRIVER, then HOOKS_DIR/DRIVER.d/* in order of
name; arguments object, operation, sub-operation, extra ("-" when empty); the XML on standard
input. Whether a driver has hooks at all is decided once, when its state opens, and again by
refresh(); then what is executable at the time of a call runs. Ours: limits of time and output for
a script and all it has started, and no lock is held while it runs.
"""

from typing import Final

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os
from nova_pyvirt.util.script import ScriptTimeout, run

_KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")
#: bytes that a script may write: a definition is never as long
OUTPUT_LIMIT: Final = 4 << 20


class Hooks:
    """The scripts of one driver; true when there were any at the last look.

    :param directory: where hooks are; None = they are switched off
    :param driver: "qemu", "daemon", "network"
    :param timeout: seconds that each script may take
    """

    def __init__(self, directory: str | None, driver: str, *, timeout: float) -> None:
        self._main = f"{directory}/{driver}" if directory else None
        self._timeout = timeout
        self._present = False
        self.refresh()

    def __bool__(self) -> bool:
        return self._present

    def refresh(self) -> None:
        """Looks anew whether there are hooks (as libvirt does at start and SIGHUP)."""
        self._present = bool(self._scripts())

    def call(
        self,
        name: str,
        operation: str,
        sub: str,
        extra: str | None,
        xml: str,
        *,
        rewrites: bool = False,
    ) -> str:
        """Runs all the scripts one after the other, those after one that fails, too.

        :param name: the object's name
        :param rewrites: what a script writes is the next one's input, and the answer
        :returns: the last output, "" when no script wrote anything
        :raises libvirtError: HOOK_SCRIPT_FAILED, with what the last script that failed said
        """
        output = ""
        failure: libvirtError | None = None
        for script in self._scripts() if self._present else ():
            try:
                text = self._run(script, [name, operation, sub, extra or "-"], output or xml)
            except libvirtError as exc:
                failure = exc
            else:
                output = text if text and rewrites else output
        if failure is not None:
            raise failure
        return output

    def _scripts(self) -> list[str]:
        """What is there now, in the order it runs."""
        if self._main is None:
            return []
        found = [self._main]
        try:
            found += sorted(entry.path for entry in os.scandir(f"{self._main}.d"))
        except OSError:
            pass  # no such directory: only the one script
        return [path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)]

    def _run(self, script: str, args: list[str], stdin: str) -> str:
        env = {"LC_ALL": "C"} | {key: os.environ[key] for key in _KEPT if key in os.environ}
        command = [script, *args]
        try:
            done = run(command, stdin.encode(), env, timeout=self._timeout, limit=OUTPUT_LIMIT)
        except ScriptTimeout:
            raise _failed(f"{script} did not end within {self._timeout:g} s") from None
        except OSError as exc:
            raise _failed(f"cannot execute {script}: {os.strerror(exc.errno or 0)}") from exc
        if done.status:
            raise _failed(_exit_text(env, command, done.status, done.errors))
        if done.cut:
            raise _failed(f"{script} wrote more than {OUTPUT_LIMIT} bytes")
        return done.output.decode(errors="replace")


def _exit_text(env: dict[str, str], command: list[str], status: int, stderr: bytes) -> str:
    """libvirt's words for a child that failed (virCommandWait)."""
    how = f"unexpected exit status {status}" if status > 0 else f"unexpected fatal signal {-status}"
    said = stderr.decode(errors="replace")
    words = [*(f"{key}={value}" for key, value in env.items()), *command]
    text = f"internal error: Child process ({' '.join(words)}) {how}"
    return f"{text}: {said}" if said else text


def _failed(detail: str) -> libvirtError:
    return error(Code.HOOK_SCRIPT_FAILED, detail, domain=From.HOOK)
