# SPDX-License-Identifier: Apache-2.0
"""Every directory we use, in one place. The layout below the roots is libvirt's."""

from dataclasses import dataclass

from nova_pyvirt.util.native import os

#: profile -> name of the directory below /etc, /run, ...
_NAMES = {"own": "nova-pyvirt", "libvirt": "libvirt"}


@dataclass(frozen=True, slots=True)
class Paths:
    """Directories of one driver state (virQEMUDriverConfig's); all absolute, no slash at the end.

    :param etc: configuration root, e.g. /etc/nova-pyvirt
    :param run: what a reboot forgets, e.g. /run/nova-pyvirt
    :param lib: what a reboot keeps, e.g. /var/lib/nova-pyvirt
    :param log: e.g. /var/log/nova-pyvirt
    :param cache: e.g. /var/cache/nova-pyvirt
    :param root: the one directory that all are below; None unless embedded
    """

    etc: str
    run: str
    lib: str
    log: str
    cache: str
    profile: str = "own"
    session: bool = False
    root: str | None = None

    @classmethod
    def system(cls, profile: str) -> "Paths":
        """qemu:///system under a profile ("own" or "libvirt")."""
        name = _NAMES[profile]
        return cls(
            f"/etc/{name}",
            f"/run/{name}",
            f"/var/lib/{name}",
            f"/var/log/{name}",
            f"/var/cache/{name}",
            profile,
        )

    @classmethod
    def session_of(cls, profile: str, env: dict[str, str]) -> "Paths":
        """qemu:///session: the user's own directories (XDG base directories)."""
        name = _NAMES[profile]
        home = env.get("HOME") or os.path.expanduser("~")
        config = env.get("XDG_CONFIG_HOME") or f"{home}/.config"
        cache = env.get("XDG_CACHE_HOME") or f"{home}/.cache"
        run = env.get("XDG_RUNTIME_DIR") or f"{home}/.cache"
        return cls(
            f"{config}/{name}",
            f"{run}/{name}",
            f"{config}/{name}/lib",
            f"{cache}/{name}/log",
            f"{cache}/{name}",
            profile,
            session=True,
        )

    @classmethod
    def embed(cls, root: str) -> "Paths":
        """qemu:///embed?root=DIR: everything below one directory."""
        return cls(
            f"{root}/etc",
            f"{root}/run",
            f"{root}/lib",
            f"{root}/log",
            f"{root}/cache",
            "own",
            root=root,
        )

    @property
    def config_dir(self) -> str:
        return f"{self.etc}/qemu"

    @property
    def autostart_dir(self) -> str:
        return f"{self.etc}/qemu/autostart"

    @property
    def hooks_dir(self) -> str:
        """The administrator's, for users' sessions, too (LIBVIRT_HOOK_DIR)."""
        return f"/etc/{_NAMES[self.profile]}/hooks" if self.session else f"{self.etc}/hooks"

    @property
    def secrets_dir(self) -> str:
        return f"{self.etc}/secrets"

    @property
    def state_dir(self) -> str:
        return f"{self.run}/qemu"

    @property
    def lib_dir(self) -> str:
        return f"{self.lib}/qemu"

    @property
    def save_dir(self) -> str:
        return f"{self.lib}/qemu/save"

    @property
    def snapshot_dir(self) -> str:
        return f"{self.lib}/qemu/snapshot"

    @property
    def checkpoint_dir(self) -> str:
        return f"{self.lib}/qemu/checkpoint"

    @property
    def dump_dir(self) -> str:
        return f"{self.lib}/qemu/dump"

    @property
    def nvram_dir(self) -> str:
        return f"{self.lib}/qemu/nvram"

    @property
    def status_backup_dir(self) -> str:
        return f"{self.lib}/qemu/status"

    @property
    def channel_dir(self) -> str:
        return f"{self.lib}/qemu/channel/target"

    @property
    def memory_dir(self) -> str:
        return f"{self.lib}/qemu/ram"

    @property
    def log_dir(self) -> str:
        return f"{self.log}/qemu"

    @property
    def capabilities_dir(self) -> str:
        return f"{self.cache}/qemu/capabilities"

    @property
    def swtpm_state_dir(self) -> str:
        return f"{self.lib}/swtpm"

    @property
    def swtpm_run_dir(self) -> str:
        """Control sockets and pid files of TPMs."""
        return f"{self.run}/qemu/swtpm"

    @property
    def swtpm_log_dir(self) -> str:
        return f"{self.log}/swtpm"

    @property
    def lock_file(self) -> str:
        return f"{self.run}/qemu/driver.pid"

    @property
    def introspection_socket(self) -> str:
        """Where the process that holds the state directory answers the operator's tool."""
        return f"{self.run}/pyvirt-qemu-sock"

    def domain_lib_dir(self, ident: int, name: str) -> str:
        """The directory of one run of a domain (virDomainDefGetShortName: 20 characters)."""
        return f"{self.lib_dir}/domain-{ident}-{name[:20]}"

    def config_file(self, name: str) -> str:
        return f"{self.config_dir}/{name}.xml"

    def autostart_link(self, name: str) -> str:
        return f"{self.autostart_dir}/{name}.xml"

    def status_file(self, name: str) -> str:
        return f"{self.state_dir}/{name}.xml"

    def status_backup(self, name: str) -> str:
        """A status file of last resort, beside the libraries: /run may be lost on its own."""
        return f"{self.status_backup_dir}/{name}.xml"

    def pid_file(self, name: str) -> str:
        return f"{self.state_dir}/{name}.pid"

    def save_file(self, name: str) -> str:
        return f"{self.save_dir}/{name}.save"

    def log_file(self, name: str) -> str:
        return f"{self.log_dir}/{name}.log"

    def make(self) -> None:
        """Creates what must exist, private to us (0700) but for logs' and hooks' parents.

        :raises OSError: when a directory can't be made
        """
        for path in (
            self.config_dir,
            self.autostart_dir,
            self.state_dir,
            self.lib_dir,
            self.save_dir,
            self.snapshot_dir,
            self.checkpoint_dir,
            self.dump_dir,
            self.nvram_dir,
            self.channel_dir,
            self.status_backup_dir,
            self.memory_dir,
            self.log_dir,
            self.capabilities_dir,
        ):
            os.makedirs(path, mode=0o755, exist_ok=True)
