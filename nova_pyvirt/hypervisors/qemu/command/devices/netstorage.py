# SPDX-License-Identifier: Apache-2.0
"""Storage on the network: the protocol part of a block node."""

import ipaddress
from collections.abc import Callable

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Props
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret_alias
from nova_pyvirt.model.devices.storage import DEFAULT_PORTS, Auth, DiskSource, SourceHost

_PORTS = DEFAULT_PORTS | {"rbd": "0", "nfs": "2049"}
_GLUSTER_DEBUG = 4
_CURL = ("http", "https", "ftp", "ftps", "tftp")


def props(source: DiskSource, auth: Auth | None, node: str) -> Props:
    """
    :param node: the name of the storage node
    :raises libvirtError: INTERNAL_ERROR, CONFIG_UNSUPPORTED
    """
    protocol = source.protocol
    if source.tls and protocol != "nbd":
        detail = f"TLS transport is not supported for disk protocol '{protocol}'"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    make = _MAKERS.get(protocol)
    if protocol in _CURL:
        make = _curl
    if protocol == "vxhs":
        detail = "VxHS protocol is not supported with this QEMU binary"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if make is None:
        detail = f"network disk protocol '{protocol}' not supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return {"driver": protocol} | make(source, auth, node)


def port_of(protocol: str, host: SourceHost) -> str:
    """The port, the protocol's own when none is given."""
    return str(host.port) if host.port else _PORTS.get(protocol, "0")


def _only_host(source: DiskSource) -> SourceHost:
    if len(source.hosts) != 1:
        detail = f"{source.protocol} protocol accepts only one host"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    found: SourceHost = source.hosts[0]
    return found


def _address(source: DiskSource, host: SourceHost) -> Props:
    if host.transport == "unix":
        return {"type": "unix", "path": host.socket}
    if host.transport == "rdma":
        detail = "transport protocol 'rdma' is not yet supported"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return {"type": "inet", "host": host.name, "port": port_of(source.protocol, host)}


def _inet(source: DiskSource, host: SourceHost) -> Props:
    if host.transport is not None:
        detail = "only TCP protocol can be converted to InetSocketAddress"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return {"host": host.name, "port": port_of(source.protocol, host)}


def _nbd(source: DiskSource, auth: Auth | None, node: str) -> Props:
    return {
        "server": _address(source, _only_host(source)),
        "export": source.name,
        "tls-creds": f"obj{node}_tls0" if source.tls else None,
        "tls-hostname": source.tls_hostname,
    }


def _rbd(source: DiskSource, auth: Auth | None, node: str) -> Props:
    pool, _, image = (source.name or "").partition("/")
    encryption = source.encryption
    encrypt = None
    if encryption is not None and encryption.engine == "librbd":
        key = secret_alias(node.replace("-storage", "-format"), "encryption")
        encrypt = {"format": encryption.format, "key-secret": key}
    return {
        "pool": pool,
        "image": image,
        "snapshot": source.snapshot,
        "conf": source.config_file,
        "server": [_inet(source, host) for host in source.hosts] or None,
        "encrypt": encrypt,
        "user": auth.username if auth is not None else None,
        "auth-client-required": ["cephx", "none"] if auth is not None else None,
        "key-secret": secret_alias(node, "auth") if auth is not None else None,
    }


def _iscsi(source: DiskSource, auth: Auth | None, node: str) -> Props:
    target, slash, lun = (source.name or "").partition("/")
    if slash and not lun.isdigit():
        detail = f"cannot parse target for lunStr '{target}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    host = _only_host(source)
    name = f"[{host.name}]" if _is_ipv6(host.name) else host.name
    return {
        "portal": f"{name}:{port_of('iscsi', host)}",
        "target": target,
        "lun": int(lun or 0),
        "transport": "tcp",
        "user": auth.username if auth is not None else None,
        "password-secret": secret_alias(node, "auth") if auth is not None else None,
        "initiator-name": source.initiator,
    }


def _is_ipv6(name: str | None) -> bool:
    try:
        return ipaddress.ip_address(name or "").version == 6
    except ValueError:
        return False


def _curl(source: DiskSource, auth: Auth | None, node: str) -> Props:
    host = _only_host(source)
    name = f"[{host.name}]" if _is_ipv6(host.name) else host.name
    path = f"/{(source.name or '').lstrip('/')}"
    query = f"?{source.query}" if source.query else ""
    return {
        "url": f"{source.protocol}://{name}:{port_of(source.protocol, host)}{path}{query}",
        "username": auth.username if auth is not None else None,
        "password-secret": secret_alias(node, "auth") if auth is not None else None,
        "sslverify": source.ssl_verify,
        "cookie-secret": secret_alias(node, "httpcookie") if source.cookies else None,
        "timeout": source.timeout or None,
        "readahead": source.readahead or None,
    }


def _gluster(source: DiskSource, auth: Auth | None, node: str) -> Props:
    volume, _, path = (source.name or "").partition("/")
    servers = [_address(source, host) for host in source.hosts]
    return {"volume": volume, "path": path, "server": servers, "debug": _GLUSTER_DEBUG}


def _sheepdog(source: DiskSource, auth: Auth | None, node: str) -> Props:
    return {"server": _address(source, _only_host(source)), "vdi": source.name}


def _ssh(source: DiskSource, auth: Auth | None, node: str) -> Props:
    return {
        "path": source.name,
        "server": _inet(source, _only_host(source)),
        "user": auth.username if auth is not None else None,
    }


def _nfs(source: DiskSource, auth: Auth | None, node: str) -> Props:
    server = {"host": _only_host(source).name, "type": "inet"}
    ids = {name: _number(value) for name, value in
           (("user", source.nfs_user), ("group", source.nfs_group))}  # fmt: skip
    return {"server": server, "path": f"/{(source.name or '').lstrip('/')}", **ids}


def _number(name: str | None) -> int | None:
    """A user or group: +number or number."""
    if not name or not name.lstrip("+").isdigit():
        return None
    return int(name.lstrip("+"))


_MAKERS: dict[str | None, Callable[[DiskSource, Auth | None, str], Props]] = {
    "nbd": _nbd,
    "rbd": _rbd,
    "iscsi": _iscsi,
    "gluster": _gluster,
    "sheepdog": _sheepdog,
    "ssh": _ssh,
    "nfs": _nfs,
}
