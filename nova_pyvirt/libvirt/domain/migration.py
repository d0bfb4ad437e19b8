# SPDX-License-Identifier: Apache-2.0
"""Migration to another host."""

from typing import Any, Final

from nova_pyvirt.api import row
from nova_pyvirt.api.constants import flags as flags_of
from nova_pyvirt.api.refusals import refuse
from nova_pyvirt.libvirt.call import Int, bind, checked, guarded, quiet
from nova_pyvirt.libvirt.convert import hinted
from nova_pyvirt.libvirt.domain import migrating
from nova_pyvirt.libvirt.errors import invalid_object
from nova_pyvirt.libvirt.handle import ConnectionHandle, Handle
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.util import typed

PEER2PEER: Final = migrating.PEER2PEER
_NEED_DISKS: Final = (
    "VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES",
    "VIR_MIGRATE_NON_SHARED_DISK",
    "VIR_MIGRATE_NON_SHARED_INC",
)
_HINTS: Final[dict[str, type]] = {
    **dict.fromkeys(
        "migrate_uri destination_name destination_xml persistent_xml graphics_uri listen_address"
        " migrate_disks compression".split(),
        str,
    ),
    **dict.fromkeys(
        "disks_port compression.mt.level compression.mt.threads compression.mt.dthreads"
        " auto_converge.initial auto_converge.increment parallel.connections".split(),
        typed.Int,
    ),
    "bandwidth": typed.ULLong,
    "bandwidth.postcopy": typed.ULLong,
    "compression.xbzrle.cache": typed.ULLong,
}


def _params(params: Any) -> typed.Params:
    if not isinstance(params, dict):
        raise TypeError("migration params must be a dictionary")
    return hinted(params, _HINTS)


def _old(dname: str | None, dxml: str | None, uri: str | None, bandwidth: int) -> typed.Params:
    """The older calls' arguments as typed parameters."""
    given = {"migrate_uri": uri, "destination_name": dname, "destination_xml": dxml}
    params: typed.Params = {name: value for name, value in given.items() if value is not None}
    return {**params, "bandwidth": typed.ULLong(bandwidth)}


def _check_disks(function: str, flags: int) -> None:
    """What the compiled checks of the unmanaged calls lack: it sits in a helper of theirs."""
    data = row(function)
    synchronous, disk, inc = _NEED_DISKS
    if flags & flags_of(disk) and flags & flags_of(inc):
        raise refuse(data, "ctl", f"Flags '{disk}' and '{inc}' are mutually exclusive")
    if flags & flags_of(synchronous) and not flags & flags_of(f"{disk}+{inc}"):
        raise refuse(data, "ctl", f"Flag '{disk} | {inc}' is required by flag '{synchronous}'")


def _unmanaged(obj: Any, function: str, uri: str | None, params: typed.Params, flags: int) -> int:
    def run(handle: Handle) -> int:
        _check_disks(function, flags)
        migrating.check_unmanaged(handle.conn, flags)
        migrating.unmanaged(handle, row(function), uri, params, flags)
        return 0

    return int(guarded(obj, run))


def _managed(obj: Any, function: str, dconn: Any, params: typed.Params, flags: int) -> Any:
    dest: ConnectionHandle | None = None if dconn is None else dconn._o

    def run(handle: Handle) -> Handle:
        data = row(function)
        if dest is None:
            raise invalid_object("virConnect", function, 0)
        if flags & PEER2PEER:
            if function == "virDomainMigrate3":
                text = "use virDomainMigrateToURI3 for peer-to-peer migration"
                raise refuse(data, "flags", text)
            uri = str(params.pop("migrate_uri", dest.uri))
            migrating.check_unmanaged(handle.conn, flags)
            migrating.unmanaged(handle, data, uri, params, flags)
            name = params.get("destination_name", handle.ref.name)
            lookup = dest.slot("domain_lookup_by_name", "virDomainLookupByName", 0)
            return Handle(dest, lookup(name))
        rest = migrating.check_managed(handle, dest, data, flags)
        return Handle(dest, migrating.Managed(handle, dest, data, params, rest).run())

    return type(obj)(dconn, guarded(obj, run))


_MIGRATE = checked("virDomainMigrate")
_MIGRATE2 = checked("virDomainMigrate2")
_MIGRATE3 = checked("virDomainMigrate3")
_TO_URI = checked("virDomainMigrateToURI")
_TO_URI2 = checked("virDomainMigrateToURI2")
_TO_URI3 = checked("virDomainMigrateToURI3")
_DOMAIN_MIGRATE_GET_COMPRESSION_CACHE: Int = quiet(bind("virDomainMigrateGetCompressionCache"))
_DOMAIN_MIGRATE_SET_COMPRESSION_CACHE: Int = bind("virDomainMigrateSetCompressionCache")
_DOMAIN_MIGRATE_GET_MAX_DOWNTIME: Int = quiet(bind("virDomainMigrateGetMaxDowntime"))
_DOMAIN_MIGRATE_SET_MAX_DOWNTIME: Int = bind("virDomainMigrateSetMaxDowntime")
_DOMAIN_MIGRATE_GET_MAX_SPEED: Int = bind("virDomainMigrateGetMaxSpeed")
_DOMAIN_MIGRATE_SET_MAX_SPEED: Int = bind("virDomainMigrateSetMaxSpeed")
_DOMAIN_MIGRATE_START_POST_COPY: Int = bind("virDomainMigrateStartPostCopy")


class Migration(Owned):
    """Methods of virDomain."""

    def migrate(
        self,
        dconn: Any,
        flags: int = 0,
        dname: str | None = None,
        uri: str | None = None,
        bandwidth: int = 0,
    ) -> Any:
        """virDomainMigrate (libvirt 0.3.2; domain:migrate): the virDomain on the destination."""
        _MIGRATE(self, dconn, flags, dname, uri, bandwidth)
        return _managed(self, "virDomainMigrate", dconn, _old(dname, None, uri, bandwidth), flags)

    def migrate2(
        self,
        dconn: Any,
        dxml: str | None = None,
        flags: int = 0,
        dname: str | None = None,
        uri: str | None = None,
        bandwidth: int = 0,
    ) -> Any:
        """virDomainMigrate2 (libvirt 0.9.2; domain:migrate): the virDomain on the destination."""
        _MIGRATE2(self, dconn, dxml, flags, dname, uri, bandwidth)
        return _managed(self, "virDomainMigrate2", dconn, _old(dname, dxml, uri, bandwidth), flags)

    def migrate3(self, dconn: Any, params: dict[str, Any], flags: int = 0) -> Any:
        """virDomainMigrate3 (libvirt 1.1.0; domain:migrate): the virDomain on the destination.

        :param params: VIR_MIGRATE_PARAM_*
        """
        given = _params(params)
        _MIGRATE3(self, dconn, given, flags)
        return _managed(self, "virDomainMigrate3", dconn, given, flags)

    def migrateToURI(
        self, duri: str, flags: int = 0, dname: str | None = None, bandwidth: int = 0
    ) -> int:
        """virDomainMigrateToURI (libvirt 0.7.2; domain:migrate).

        :param duri: the destination's libvirt (peer-to-peer) or hypervisor
        :param bandwidth: MiB/s, 0 = no limit of its own
        """
        _TO_URI(self, duri, flags, dname, bandwidth)
        peer = bool(flags & PEER2PEER)
        params = _old(dname, None, None if peer else duri, bandwidth)
        return _unmanaged(self, "virDomainMigrateToURI", duri, params, flags)

    def migrateToURI2(
        self,
        dconnuri: str | None = None,
        miguri: str | None = None,
        dxml: str | None = None,
        flags: int = 0,
        dname: str | None = None,
        bandwidth: int = 0,
    ) -> int:
        """virDomainMigrateToURI2 (libvirt 0.9.2; domain:migrate)."""
        _TO_URI2(self, dconnuri, miguri, dxml, flags, dname, bandwidth)
        params = _old(dname, dxml, miguri, bandwidth)
        return _unmanaged(self, "virDomainMigrateToURI2", dconnuri, params, flags)

    def migrateToURI3(self, dconnuri: str | None, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainMigrateToURI3 (libvirt 1.1.0; domain:migrate; nova's live migration).

        :param dconnuri: the destination's libvirt, with VIR_MIGRATE_PEER2PEER
        :param params: VIR_MIGRATE_PARAM_*
        """
        given = _params(params)
        _TO_URI3(self, dconnuri, given, flags)
        return _unmanaged(self, "virDomainMigrateToURI3", dconnuri, given, flags)

    def migrateGetCompressionCache(self, flags: int = 0) -> int:
        """virDomainMigrateGetCompressionCache (libvirt 1.0.3; domain:migrate)."""
        return _DOMAIN_MIGRATE_GET_COMPRESSION_CACHE(self, flags)

    def migrateSetCompressionCache(self, cacheSize: int, flags: int = 0) -> int:
        """virDomainMigrateSetCompressionCache (libvirt 1.0.3; domain:migrate)."""
        return _DOMAIN_MIGRATE_SET_COMPRESSION_CACHE(self, cacheSize, flags)

    def migrateGetMaxDowntime(self, flags: int = 0) -> int:
        """virDomainMigrateGetMaxDowntime (libvirt 3.7.0; domain:migrate)."""
        return _DOMAIN_MIGRATE_GET_MAX_DOWNTIME(self, flags)

    def migrateSetMaxDowntime(self, downtime: int, flags: int = 0) -> int:
        """virDomainMigrateSetMaxDowntime (libvirt 0.8.0; domain:migrate)."""
        return _DOMAIN_MIGRATE_SET_MAX_DOWNTIME(self, downtime, flags)

    def migrateGetMaxSpeed(self, flags: int = 0) -> int:
        """virDomainMigrateGetMaxSpeed (libvirt 0.9.5; domain:migrate)."""
        return _DOMAIN_MIGRATE_GET_MAX_SPEED(self, flags)

    def migrateSetMaxSpeed(self, bandwidth: int, flags: int = 0) -> int:
        """virDomainMigrateSetMaxSpeed (libvirt 0.9.0; domain:migrate)."""
        return _DOMAIN_MIGRATE_SET_MAX_SPEED(self, bandwidth, flags)

    def migrateStartPostCopy(self, flags: int = 0) -> int:
        """virDomainMigrateStartPostCopy (libvirt 1.3.3; domain:migrate)."""
        return _DOMAIN_MIGRATE_START_POST_COPY(self, flags)
