# SPDX-License-Identifier: Apache-2.0
"""The client's part of migration (protocol 3 with typed parameters).

Managed: this process leads source and destination through begin, prepare, perform, finish, confirm.
Unmanaged (peer-to-peer): one perform call, the source does the rest.
"""

import logging
from typing import Any, Final

from nova_pyvirt.api import Row
from nova_pyvirt.api.constants import flags as flags_of
from nova_pyvirt.api.refusals import deny, origin_of, refuse
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.uri import parse
from nova_pyvirt.errors import Code, From, error, from_fields, libvirtError
from nova_pyvirt.libvirt.handle import ConnectionHandle, Handle
from nova_pyvirt.util.native import offload
from nova_pyvirt.util.typed import Params

LOG = logging.getLogger(__name__)

PEER2PEER: Final = flags_of("VIR_MIGRATE_PEER2PEER")
_TUNNELLED: Final = flags_of("VIR_MIGRATE_TUNNELLED")
_OFFLINE: Final = flags_of("VIR_MIGRATE_OFFLINE")
_PAUSED: Final = flags_of("VIR_MIGRATE_PAUSED")
_PROTECTION: Final = flags_of("VIR_MIGRATE_CHANGE_PROTECTION")
_RESUME: Final = flags_of("VIR_MIGRATE_POSTCOPY_RESUME")
_SOURCE_ONLY: Final = flags_of("VIR_MIGRATE_ABORT_ON_ERROR+VIR_MIGRATE_AUTO_CONVERGE")
_STATE_PAUSED: Final = flags_of("VIR_DOMAIN_PAUSED")

#: VIR_DRV_FEATURE_*
_P2P: Final = 4
_DIRECT: Final = 5
_CHANGE_PROTECTION: Final = 7
_OFFLINE_FEATURE: Final = 12
_PARAMS: Final = 13


def _supports(conn: ConnectionHandle, feature: int) -> bool:
    slot = conn.slot("connect_supports_feature", "virConnectSupportsFeature", From.NONE)
    return bool(offload(slot, feature))


def _unsupported(what: str, where: str) -> libvirtError:
    text = f"{what} is not supported by the {where} host"
    return error(Code.ARGUMENT_UNSUPPORTED, text, domain=From.DOMAIN)


def _run(conn: ConnectionHandle, name: str, data: Row, *args: Any) -> Any:
    return offload(conn.slot(name, data.function, origin_of(data)), *args)


def check_unmanaged(conn: ConnectionHandle, flags: int) -> None:
    """What the source must be able to do for a migration without this process."""
    if flags & _OFFLINE and not _supports(conn, _OFFLINE_FEATURE):
        raise _unsupported("offline migration", "source")
    if flags & PEER2PEER:
        if not _supports(conn, _P2P):
            raise _unsupported("p2p migration", "source")
    elif not _supports(conn, _DIRECT):
        raise _unsupported("direct migration", "source")


def unmanaged(handle: Handle, data: Row, uri: str | None, params: Params, flags: int) -> None:
    """The source does it all.

    :param uri: the destination's libvirt, for peer-to-peer
    """
    if flags & PEER2PEER:
        if uri is None:
            raise refuse(data, "dconnuri", f"dconnuri in {data.function} must not be NULL")
        _check_not_local(data, uri)
    else:
        uri = None
    args = (handle.ref, uri, params, b"", flags)
    _run(handle.conn, "domain_migrate_perform3_params", data, *args)


def _check_not_local(data: Row, text: str) -> None:
    uri = parse(text)
    unix = "socket" in uri.params and uri.scheme.endswith("+unix")
    if uri.server.startswith("localhost") or (not uri.server and not unix):
        message = "Attempt to migrate guest to the same host"
        code, number = int(Code.INVALID_ARG), origin_of(data)
        fields = (code, number, message, 2, "virDomainMigrateCheckNotLocal", "dconnuri", None, 0, 0)
        raise from_fields(fields)


def check_managed(source: Handle, dest: ConnectionHandle, data: Row, flags: int) -> int:
    """Refuses what cannot be led from here; the flags to go on with."""
    if dest.readonly:
        raise deny(data)
    if flags & _TUNNELLED:
        message = "cannot perform tunnelled migration without using peer2peer flag"
        if data.function == "virDomainMigrate3":
            raise refuse(data, "flags", message)
        raise error(Code.OPERATION_INVALID, message, domain=From.DOMAIN)
    if flags & _OFFLINE:
        for conn, where in ((source.conn, "source"), (dest, "destination")):
            if not _supports(conn, _OFFLINE_FEATURE):
                raise _unsupported("offline migration", where)
    if flags & _PROTECTION and not _supports(source.conn, _CHANGE_PROTECTION):
        text = "cannot enforce change protection"
        raise error(Code.ARGUMENT_UNSUPPORTED, text, domain=From.DOMAIN)
    for conn in (source.conn, dest):
        if not _supports(conn, _PARAMS):
            raise error(Code.NO_SUPPORT, data.function, domain=origin_of(data))
    return flags & ~_PROTECTION


class Managed:
    """One migration led from here."""

    def __init__(
        self, source: Handle, dest: ConnectionHandle, data: Row, params: Params, flags: int
    ) -> None:
        self._source = source
        self._dest = dest
        self._row = data
        self._params = dict(params)
        self._flags = flags
        self._protection = _PROTECTION if _supports(source.conn, _CHANGE_PROTECTION) else 0
        self._cookie = b""

    def run(self) -> DomainRef:
        """The domain on the destination."""
        xml = self._begin()
        state = self._on_source("domain_get_state", 0)[0]
        if state == _STATE_PAUSED and not self._flags & _RESUME:
            self._flags |= _PAUSED
        self._params["destination_xml"] = xml
        try:
            self._prepare()
        except libvirtError:
            if self._protection:
                self._confirm(cancelled=True)
            raise
        failed: libvirtError | None = None
        if not self._flags & _OFFLINE:
            failed = self._perform()
        ref, trouble = self._finish(failed)
        if failed is None:
            self._confirm(cancelled=ref is None)
        if ref is None or failed is not None:
            raise failed or trouble or error(Code.OPERATION_FAILED, "migration", domain=From.DOMAIN)
        return ref

    def _on_source(self, slot: str, *args: Any) -> Any:
        return _run(self._source.conn, slot, self._row, self._source.ref, *args)

    def _on_dest(self, slot: str, *args: Any) -> Any:
        return _run(self._dest, slot, self._row, *args)

    def _begin(self) -> str:
        flags = self._flags | self._protection
        self._cookie, xml = self._on_source("domain_migrate_begin3_params", self._params, flags)
        return str(xml)

    def _prepare(self) -> None:
        self._cookie, uri = self._on_dest(
            "domain_migrate_prepare3_params", self._params, self._cookie, self._dest_flags()
        )
        if uri:
            self._params["migrate_uri"] = uri

    def _dest_flags(self) -> int:
        return self._flags & ~_SOURCE_ONLY

    def _perform(self) -> libvirtError | None:
        flags = self._flags | self._protection
        args = (None, self._params, self._cookie, flags)
        try:
            self._cookie = self._on_source("domain_migrate_perform3_params", *args)
        except libvirtError as exc:
            self._cookie = b""
            return exc
        return None

    def _finish(self, failed: libvirtError | None) -> tuple[DomainRef | None, libvirtError | None]:
        self._params.setdefault("destination_name", self._source.ref.name)
        cancelled = int(failed is not None)
        args = (self._params, self._cookie, self._dest_flags(), cancelled)
        try:
            ref, self._cookie = self._on_dest("domain_migrate_finish3_params", *args)
        except libvirtError as exc:
            return None, exc
        return ref, None

    def _confirm(self, cancelled: bool) -> None:
        args = (self._params, self._cookie, self._flags | self._protection, int(cancelled))
        try:
            self._on_source("domain_migrate_confirm3_params", *args)
        except libvirtError as exc:
            name = self._source.ref.name
            LOG.warning("Guest %s probably left in 'paused' state on source: %s", name, exc)
