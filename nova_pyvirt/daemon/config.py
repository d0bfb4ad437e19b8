# SPDX-License-Identifier: Apache-2.0
"""libvirtd.conf (and pyvirtd.conf, same syntax and names): what has an equal here is taken, the
rest is named in the log.
"""

import grp
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from nova_pyvirt import conf
from nova_pyvirt.core import virconf
from nova_pyvirt.daemon.settings import Settings
from nova_pyvirt.errors import Code, From, error

LOG = logging.getLogger(__name__)


@dataclass
class SocketSettings:
    """Where to listen.

    :ivar group: name of the group that owns the UNIX sockets
    :ivar directory: where the UNIX sockets are; "" for the default
    :ivar crl_file: certificates that are no longer valid; "" for none
    :ivar backlog: connections the kernel holds until they are accepted
    """

    group: str = ""
    rw_perms: int = 0o700
    ro_perms: int = 0o700
    admin_perms: int = 0o700
    directory: str = ""
    listen_tcp: bool = False
    listen_tls: bool = False
    listen_addr: str = "127.0.0.1"
    tcp_port: int = 16509
    tls_port: int = 16514
    ca_file: str = "/etc/pki/CA/cacert.pem"
    cert_file: str = "/etc/pki/libvirt/servercert.pem"
    key_file: str = "/etc/pki/libvirt/private/serverkey.pem"
    crl_file: str = ""
    backlog: int = 1000
    tls_no_verify: bool = False


@dataclass
class Config:
    settings: Settings = field(default_factory=Settings)
    #: of the admin socket
    admin: Settings = field(default_factory=lambda: Settings(max_workers=5, max_clients=5))
    sockets: SocketSettings = field(default_factory=SocketSettings)
    #: settings of the file that have no equal here, and why
    ignored: dict[str, str] = field(default_factory=dict)
    #: libvirt's: who decides on accesses, ["polkit"] or nobody
    access_drivers: list[str] = field(default_factory=list)
    #: libvirt's: 1 debug to 4 errors; 0: as started
    log_level: int = 0
    #: libvirt's: "3:file:/path 1:stderr"
    log_outputs: str = ""
    #: libvirt's: "1:qemu 4:rpc"
    log_filters: str = ""
    #: everything as read
    values: dict[str, Any] = field(default_factory=dict)


_SETTINGS: Final = {
    "max_workers": "max_workers",
    "prio_workers": "prio_workers",
    "max_clients": "max_clients",
    "max_anonymous_clients": "max_anonymous_clients",
    "max_client_requests": "max_client_requests",
    "keepalive_interval": "keepalive_interval",
    "keepalive_count": "keepalive_count",
    "access_policy": "policy_file",
    "handshake_deadline": "handshake_deadline",
    "sasl_passwords": "sasl_passwords",
    "sasl_allowed_username_list": "sasl_allowed_users",
    "tls_allowed_dn_list": "tls_allowed_names",
}
#: settings of the admin sockets' server
_ADMIN: Final = {
    "admin_max_workers": "max_workers",
    "admin_max_clients": "max_clients",
    "admin_max_client_requests": "max_client_requests",
    "admin_keepalive_interval": "keepalive_interval",
    "admin_keepalive_count": "keepalive_count",
}
_SOCKETS: Final = {
    "unix_sock_group": "group",
    "unix_sock_dir": "directory",
    "listen_tcp": "listen_tcp",
    "listen_tls": "listen_tls",
    "listen_addr": "listen_addr",
    "tcp_port": "tcp_port",
    "tls_port": "tls_port",
    "ca_file": "ca_file",
    "cert_file": "cert_file",
    "key_file": "key_file",
    "crl_file": "crl_file",
    "max_queued_clients": "backlog",
    "tls_no_verify_certificate": "tls_no_verify",
}
_PERMS: Final = {
    "unix_sock_rw_perms": "rw_perms",
    "unix_sock_ro_perms": "ro_perms",
    "unix_sock_admin_perms": "admin_perms",
}
_AUTH: Final = {
    "auth_unix_rw": "auth_unix_rw",
    "auth_unix_ro": "auth_unix_ro",
    "auth_tcp": "auth_tcp",
    "auth_tls": "auth_tls",
}


#: settings of Config itself
_OWN: Final = frozenset({"log_level", "log_outputs", "log_filters", "access_drivers"})
#: read where they are used (core.host.identity, core.settings)
_ELSEWHERE: Final = frozenset({"host_uuid", "host_uuid_source", "audit_level"})

_AS_NEEDED: Final = "threads are started when there is work for them"
_PINGS: Final = "clients that never answer pings are cut off in any case"
#: settings of libvirt 9.0's libvirtd.conf without an equal: why
UNEQUAL: Final[dict[str, str]] = {
    "admin_keepalive_required": _PINGS,
    "admin_max_queued_clients": "see max_queued_clients",
    "admin_min_workers": _AS_NEEDED,
    "audit_logging": "audit messages go to the kernel only",
    "keepalive_required": _PINGS,
    "min_workers": _AS_NEEDED,
    "ovs_timeout": "Open vSwitch is not asked",
    "tcp_min_ssf": "SASL on TCP does not encrypt",
    "tls_no_sanity_certificate": "certificates are not tried at the start",
    "tls_priority": "OpenSSL chooses the ciphers",
}
#: values of those that say what is the case here: nothing to tell then
_AS_IT_IS: Final[dict[str, Any]] = {
    "admin_keepalive_required": 0,
    "audit_logging": 0,
    "keepalive_required": 0,
    "tls_no_sanity_certificate": 0,
}


def own() -> Config:
    """What nova-pyvirt.conf says in its section [daemon]."""
    conf.load()
    made = conf.CONF.daemon
    config = Config()
    for name in ("max_workers", "prio_workers", "max_clients", "max_anonymous_clients"):
        setattr(config.settings, name, getattr(made, name))
    for name in ("max_client_requests", "handshake_deadline", "keepalive_interval"):
        setattr(config.settings, name, getattr(made, name))
    config.settings.keepalive_count = made.keepalive_count
    config.sockets.rw_perms = int(made.unix_sock_rw_perms, 8)
    config.sockets.ro_perms = int(made.unix_sock_ro_perms, 8)
    if made.unix_sock_group:
        _apply(config, "unix_sock_group", made.unix_sock_group)
    return config


def load(path: str, base: Config | None = None) -> Config:
    """The configuration of a file on top of `base`; `base` itself when there is no file."""
    config = base or Config()
    config.values = virconf.read(path)
    for name, value in config.values.items():
        _apply(config, name, value)
    return config


def _apply(config: Config, name: str, value: Any) -> None:
    if name in _SETTINGS:
        _set(config.settings, _SETTINGS[name], name, value)
    elif name in _ADMIN:
        _set(config.admin, _ADMIN[name], name, value)
    elif name in _SOCKETS:
        _set(config.sockets, _SOCKETS[name], name, value)
    elif name in _PERMS:
        setattr(config.sockets, _PERMS[name], int(str(value), 8))
    elif name in _AUTH:
        _auth(config, name, str(value))
    elif name in _OWN:
        _set(config, name, name, value)
    elif name in _ELSEWHERE:
        LOG.debug("%s is read by the driver", name)
    elif name not in UNEQUAL:
        config.ignored[name] = "no setting that is known here"
    elif name not in _AS_IT_IS or value != _AS_IT_IS[name]:
        config.ignored[name] = UNEQUAL[name]
    if name == "unix_sock_group" and value:
        try:
            config.settings.allowed_gids.append(grp.getgrnam(str(value)).gr_gid)
        except KeyError as exc:
            text = f"Failed to find group '{value}'"
            raise error(Code.CONF_SYNTAX, text, domain=From.CONF) from exc


#: every setting that counts
HONOURED: Final = frozenset({*_SETTINGS, *_ADMIN, *_SOCKETS, *_PERMS, *_AUTH, *_ELSEWHERE, *_OWN})
#: settings that are lists of texts
_LISTS: Final = frozenset({"sasl_allowed_users", "tls_allowed_names", "access_drivers"})
#: numbers that libvirtd.conf has as texts
_PORTS: Final = frozenset({"tcp_port", "tls_port"})


def _set(target: Any, attribute: str, name: str, value: Any) -> None:
    """Sets one value; raises CONF_SYNTAX for one of the wrong kind."""
    wanted = type(getattr(target, attribute))
    if attribute in _LISTS:
        good = isinstance(value, list) and all(isinstance(v, str) for v in value)
    elif attribute in _PORTS:
        good = str(value).isdigit()
        value = int(value) if good else value
    elif wanted in (bool, int, float):
        good = isinstance(value, int | float)
        value = wanted(value) if good else value
    else:
        good = isinstance(value, str)
    if not good:
        raise error(Code.CONF_SYNTAX, f"{name}: unexpected value {value!r}", domain=From.CONF)
    setattr(target, attribute, value)


def _auth(config: Config, name: str, value: str) -> None:
    if value not in ("none", "peer", "polkit", "sasl"):
        text = f"unsupported authentication scheme '{value}'"
        raise error(Code.CONF_SYNTAX, text, domain=From.CONF)
    setattr(config.settings, _AUTH[name], value)
