# SPDX-License-Identifier: Apache-2.0
"""A domain whose QEMU is a script: what operations ask, and what they make of the answers."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.domain import DomainList, DomainObj
from nova_pyvirt.core.eventbus import EventBus
from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.core.secrets import SecretStore
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.core.states import Running, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

XML = """<domain type='qemu'><name>a</name>
<uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10</uuid>
<memory>65536</memory><currentMemory>65536</currentMemory>{extra}
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{devices}</devices></domain>"""
LIVE, CONFIG = 1, 2


class Script:
    """A monitor: answers by command; a function gets the arguments, an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    def command(self, cmd: str, args: Any = None, **_options: Any) -> Any:
        self.asked.append((cmd, args))
        answer = self.answers.get(cmd.replace("-", "_"), {})
        if isinstance(answer, Exception):
            raise answer
        return answer(args) if callable(answer) else answer

    def batch(self, commands: Sequence[tuple[str, Any]], **_options: Any) -> list[Any]:
        return [self.command(cmd, args) for cmd, args in commands]


class OpsCase(TestCase):
    """One defined domain of a driver state in a directory."""

    EXTRA = "<vcpu>2</vcpu>"
    DEVICES = ""

    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        paths = Paths.embed(str(self.root))
        for directory in (paths.config_dir, paths.state_dir, paths.log_dir):
            os.makedirs(directory)
        self.online = self.root / "host/sys/devices/system/cpu"
        self.online.mkdir(parents=True)
        for name in ("online", "present"):
            (self.online / name).write_text("0-3\n")
        view = SimpleNamespace(privileged=True, fs=HostFs(self.root / "host"))
        self.state: Any = SimpleNamespace(
            domains=DomainList(), bus=EventBus(), paths=paths, settings=Settings(), view=view
        )
        self.state.secrets = SecretStore(paths.secrets_dir, Schemas("/nonexistent"))
        definition = Domain.load(XML.format(extra=self.EXTRA, devices=self.DEVICES))
        self.vm = self.state.domains.add(definition, lambda: DomainObj(definition), live=False)
        self.vm.persistent = True
        self.told: list[Any] = []
        self.state.bus.register(self, None, 17, lambda _ref, params: self.told.append(params))

    @property
    def ref(self) -> Any:
        return self.vm.ref

    def start(self, **answers: Any) -> Script:
        """The domain runs, its process is this one."""
        self.monitor = Script(**answers)
        caps: Any = SimpleNamespace(flags=(), has=lambda name: True)
        private = QemuPrivate(caps, f"{self.root}/lib", "a")
        private.process = SimpleNamespace(pid=os.getpid(), start_time=1)  # type: ignore[assignment]
        private.monitor = self.monitor  # type: ignore[assignment]
        vm = self.vm
        vm.new_definition, vm.definition = vm.definition, vm.definition.copy()
        vm.id, vm.private = 7, private
        vm.set_state(State.RUNNING, Running.BOOTED)
        return self.monitor

    def groups(self, *controllers: str) -> None:
        """Control groups of version 1 for the running domain; their files are ours to make."""
        root = self.root / "cgroup"
        for controller in controllers:
            (root / controller).mkdir(parents=True)
        self.vm.private.cgroup = Cgroup.create("a", root=str(root))

    def put(self, controller: str, name: str, value: str, thread: str = "") -> Path:
        path = Path(self.vm.private.cgroup.paths[controller], thread)
        path.mkdir(exist_ok=True)
        (path / name).write_text(value)
        return path / name

    def refused(self, code: Code, call: Callable[..., Any], *args: Any) -> str:
        """The text of the error that the call must raise."""
        with self.assertRaises(libvirtError) as raised:
            call(self.state, self.ref, *args)
        self.assertEqual(code, raised.exception.get_error_code(), str(raised.exception))
        return str(raised.exception)

    def stored(self) -> str:
        """The persistent definition on disk."""
        return Path(self.state.paths.config_file("a")).read_text()
