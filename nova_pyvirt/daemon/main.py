# SPDX-License-Identifier: Apache-2.0
"""The daemon's life: sockets as configured or inherited, READY, reload (SIGHUP), a report
(SIGUSR2), end (SIGTERM)."""

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nova_pyvirt import conf
from nova_pyvirt.core.hooks import Hooks
from nova_pyvirt.core.introspect import meditation
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.daemon import logs, polkit, report, sockets
from nova_pyvirt.daemon.acl import Policy
from nova_pyvirt.daemon.admin import AdminTable
from nova_pyvirt.daemon.config import Config, load, own
from nova_pyvirt.daemon.dispatch import Dispatcher, Opener
from nova_pyvirt.daemon.polkitacl import PolkitPolicy
from nova_pyvirt.daemon.server import Server, Service
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os, socket
from nova_pyvirt.wire import protocol

LOG = logging.getLogger(__name__)
SERVER_NAME: Final = "pyvirtd"
OUR_RUN: Final = "/run/nova-pyvirt"
LIBVIRT_RUN: Final = "/run/libvirt"


@dataclass
class Daemon:
    """Everything that runs.

    :param opener: opens the driver table for a client's URI and flags
    :param config_path: pyvirtd.conf or libvirtd.conf
    :param directory: where the UNIX sockets go
    :param listen: the TCP and TLS sockets of the configuration are wanted
    :param hooks: the scripts told of start, reload and shutdown; what they say changes nothing
    """

    opener: Opener
    config_path: str
    directory: str
    listen: bool = True
    hooks: Hooks | None = None
    config: Config = field(default_factory=Config)
    server: Server | None = None
    paths: list[str] = field(default_factory=list)
    unpublish: Callable[[], None] | None = None

    def start(self) -> None:
        """Listens and serves; raises what a socket or the configuration says."""
        self.config = load(self.config_path, own())
        self.config.settings.sasl_passwords = (
            self.config.settings.sasl_passwords or passwords_file()
        )
        self._log()
        self._hook("start", "-", "start")
        self._opener_does("start")
        self.dispatcher = Dispatcher(self.opener, self._policy(self.config))
        self.server = Server(self.config.settings)
        self.server.polkit = bool(self.config.access_drivers)
        self.admin = Server(self.config.admin)
        servers = {SERVER_NAME: self.server, "admin": self.admin}
        self.admin_dispatcher = Dispatcher(
            lambda _name, _flags: AdminTable(servers), Policy(), (protocol.ADMIN,)
        )
        inherited = sockets.activated()
        for given in inherited:
            self._add(given.kind, given.sock)
        if not inherited:
            self._listen()
        self.server.start()
        self.admin.start()
        directory = self.config.sockets.directory or self.directory
        if inherited:
            directory = os.path.dirname(str(inherited[0].sock.getsockname()))
        self.unpublish = report.publish(servers, directory)

    @staticmethod
    def _policy(config: Config) -> Policy:
        """Who may do what; raises when what was asked for cannot be had: never less than that."""
        if not config.access_drivers:
            return Policy.load(config.settings.policy_file)
        if config.access_drivers != ["polkit"] or not polkit.available():
            text = f"no access driver {config.access_drivers} here"
            raise error(Code.CONFIG_UNSUPPORTED, text, domain=From.ACCESS)
        return PolkitPolicy("QEMU")

    def _log(self) -> None:
        left = logs.configure(self.config.log_level, self.config.log_outputs)
        left += logs.narrow(self.config.log_filters)
        if left:
            LOG.warning("%s: no equal here for %s", self.config_path, " ".join(left))
        for name, why in sorted(self.config.ignored.items()):
            LOG.warning("%s: %s has no effect: %s", self.config_path, name, why)

    def _listen(self) -> None:
        """Makes the sockets the configuration asks for."""
        made = self.config.sockets
        directory = made.directory or self.directory
        os.makedirs(directory, mode=0o755, exist_ok=True)
        for kind, name, mode in (
            ("rw", "libvirt-sock", made.rw_perms),
            ("ro", "libvirt-sock-ro", made.ro_perms),
            ("admin", "libvirt-admin-sock", made.admin_perms),
        ):
            path = f"{directory}/{name}"
            self._add(kind, sockets.unix(path, mode, made.group, made.backlog))
            self.paths.append(path)
        if made.listen_tcp and self.listen:
            self._add("tcp", sockets.tcp(made.listen_addr, made.tcp_port, made.backlog))
        if made.listen_tls and self.listen:
            self._add("tls", sockets.tcp(made.listen_addr, made.tls_port, made.backlog))

    def _add(self, kind: str, sock: "socket.socket") -> None:
        assert self.server is not None  # for mypy
        settings = self.config.settings
        if kind == "admin":
            self.admin.listen(Service(sock, False, "peer", self.admin_dispatcher, "admin"))
            return
        auth = {
            "rw": settings.auth_unix_rw,
            "ro": settings.auth_unix_ro,
            "tcp": settings.auth_tcp,
            "tls": settings.auth_tls,
        }[kind]
        if auth == "polkit" and not polkit.available():
            LOG.warning("no polkit here: the %s socket is for root, our user and our group", kind)
            auth = "peer"
        tls = sockets.tls_context(self.config.sockets) if kind == "tls" else None
        self.server.listen(Service(sock, kind == "ro", auth, self.dispatcher, kind, tls))

    def _opener_does(self, what: str) -> None:
        """Tells the opener, which may be a plain function."""
        method = getattr(self.opener, what, None)
        if method is not None:
            method()

    def _hook(self, operation: str, sub: str, extra: str) -> None:
        if self.hooks:
            try:
                self.hooks.call("-", operation, sub, extra, "")
            except libvirtError as exc:
                LOG.error("hook daemon %s: %s", operation, exc)

    def reload(self) -> None:
        """Looks for hooks and reads the policy anew; clients stay.

        A policy that is wrong changes nothing.
        """
        if self.hooks is not None:
            self.hooks.refresh()
        self._hook("reload", "begin", "SIGHUP")
        self._opener_does("reload")
        try:
            config = load(self.config_path, own())
            self.dispatcher.policy = self._policy(config)
        except libvirtError as exc:
            LOG.error("the access policy stays as it was: %s", exc)
            return
        LOG.info("access policy read again")

    def idle(self) -> bool:
        """No clients, and no guests that run."""
        busy = getattr(self.opener, "busy", None)
        clients = self.server.sessions() if self.server is not None else ()
        return not clients and not (busy is not None and busy())

    def stop(self) -> None:
        """Ends; guests go on."""
        if self.hooks is not None:
            self.hooks.refresh()
        self._hook("shutdown", "-", "shutdown")
        if self.unpublish is not None:
            self.unpublish()
        for server in (self.server, getattr(self, "admin", None)):
            if server is not None:
                server.stop()
        for path in self.paths:
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue


def directories() -> tuple[str, str]:
    """Configuration file and socket directory of the profile in use; users have their own."""
    conf.load()
    libvirt = conf.paths_profile() == "libvirt"
    name = "libvirtd.conf" if libvirt else "pyvirtd.conf"
    if os.geteuid() == 0:
        etc = "/etc/libvirt" if libvirt else "/etc/nova-pyvirt"
        return f"{etc}/{name}", LIBVIRT_RUN if libvirt else OUR_RUN
    paths = Paths.session_of(conf.paths_profile(), dict(os.environ))
    return f"{paths.etc}/{name}", paths.run


def passwords_file() -> str:
    """Where the profile in use keeps SASL verifiers."""
    return os.path.dirname(directories()[0]) + "/pyvirtd.passwd"


def _ignore(_number: int, _frame: Any) -> None:
    """Python asks for a handler; :func:`serve` reads the wakeup socket."""


def serve(
    daemon: Daemon, on_ready: Callable[[], None] | None = None, timeout: float | None = None
) -> None:
    """Runs until SIGTERM or SIGINT.

    :param on_ready: called once clients are served
    :param timeout: seconds without clients and running guests after which it ends, too
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, _ignore)  # the number arrives through the socket
    daemon.start()
    sockets.notify("READY=1")
    if on_ready is not None:
        on_ready()
    while (numbers := _signals(daemon, reader, timeout)) <= {signal.SIGHUP, signal.SIGUSR2}:
        if signal.SIGUSR2 in numbers:
            meditation.write()
        if signal.SIGHUP in numbers:
            sockets.notify("RELOADING=1")
            daemon.reload()
            sockets.notify("READY=1")
    sockets.notify("STOPPING=1")
    daemon.stop()


def _signals(daemon: Daemon, reader: "socket.socket", timeout: float | None) -> set[int]:
    """The signals that came; SIGTERM when nobody needed the daemon for `timeout` seconds."""
    # asked twice within the time: who came and went in between was here less than half of it
    reader.settimeout(timeout / 2 if timeout else None)
    quiet = 0
    while True:
        try:
            return set(reader.recv(64))
        except TimeoutError:
            quiet = quiet + 1 if daemon.idle() else 0
            if quiet == 2:
                LOG.info("nobody needs the daemon: it ends")
                return {signal.SIGTERM}
