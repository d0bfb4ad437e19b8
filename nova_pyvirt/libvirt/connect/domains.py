# SPDX-License-Identifier: Apache-2.0
"""Domains: lookups, lists, definition, creation, conversion, statistics."""

from typing import Any

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.libvirt.call import Int, List, Ref, Refs, Str, Strs, as_dict, as_list, bind, fail
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.domain import virDomain
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.refs import ref_of


def _stats(handle: Handle, result: Any) -> list[tuple[Handle, dict[str, Any]]]:
    conn = handle.conn
    return [(Handle(conn, ref), as_dict(handle, values)) for ref, values in result]


_DOMAIN_LOOKUP_BY_ID: Ref = bind("virDomainLookupByID")
_DOMAIN_LOOKUP_BY_NAME: Ref = bind("virDomainLookupByName")
_DOMAIN_LOOKUP_BY_UUID: Ref = bind("virDomainLookupByUUID")
_CONNECT_NUM_OF_DOMAINS: Int = bind("virConnectNumOfDomains")
_CONNECT_NUM_OF_DEFINED_DOMAINS: Int = bind("virConnectNumOfDefinedDomains")
_LIST_DOMAINS: List = bind("virConnectListDomains", as_list)
_CONNECT_LIST_DEFINED_DOMAINS: Strs = bind("virConnectListDefinedDomains")
_CONNECT_LIST_ALL_DOMAINS: Refs = bind("virConnectListAllDomains")
_DOMAIN_DEFINE_XML: Ref = bind("virDomainDefineXML")
_DOMAIN_DEFINE_XML_FLAGS: Ref = bind("virDomainDefineXMLFlags")
_DOMAIN_CREATE_XML: Ref = bind("virDomainCreateXML")
_DOMAIN_CREATE_LINUX: Ref = bind("virDomainCreateXML")
_DOMAIN_CREATE_XML_WITH_FILES: Ref = bind("virDomainCreateXMLWithFiles")
_CONNECT_DOMAIN_XML_FROM_NATIVE: Str = bind("virConnectDomainXMLFromNative")
_CONNECT_DOMAIN_XML_TO_NATIVE: Str = bind("virConnectDomainXMLToNative")
_GET_ALL_DOMAIN_STATS: List = bind(
    "virConnectGetAllDomainStats", _stats, args="doms:O stats:I flags:I"
)
_LIST_GET_STATS: List = bind("virDomainListGetStats", _stats)


class Domains(Base):
    """Methods of virConnect."""

    def lookupByID(self, id: int) -> virDomain:
        """virDomainLookupByID (libvirt 0.0.3; domain:getattr)."""
        return virDomain(self, _DOMAIN_LOOKUP_BY_ID(self, id))

    def lookupByName(self, name: str) -> virDomain:
        """virDomainLookupByName (libvirt 0.0.3; domain:getattr)."""
        return virDomain(self, _DOMAIN_LOOKUP_BY_NAME(self, name))

    def lookupByUUID(self, uuid: bytes) -> virDomain:
        """virDomainLookupByUUID (libvirt 0.0.3; domain:getattr).

        :param uuid: sixteen bytes
        """
        return virDomain(self, _DOMAIN_LOOKUP_BY_UUID(self, by_uuid(uuid, "virDomainLookupByUUID")))

    def lookupByUUIDString(self, uuidstr: str) -> virDomain:
        """virDomainLookupByUUIDString (libvirt 0.0.3; domain:getattr)."""
        uuid = uuid_of(self, uuidstr, "virDomainLookupByUUIDString")
        return virDomain(self, _DOMAIN_LOOKUP_BY_UUID(self, uuid))

    def numOfDomains(self) -> int:
        """virConnectNumOfDomains (libvirt 0.0.3; connect:search-domains)."""
        return _CONNECT_NUM_OF_DOMAINS(self)

    def numOfDefinedDomains(self) -> int:
        """virConnectNumOfDefinedDomains (libvirt 0.1.5; connect:search-domains)."""
        return _CONNECT_NUM_OF_DEFINED_DOMAINS(self)

    def listDomainsID(self) -> list[int]:
        """virConnectListDomains (libvirt 0.0.3; connect:search-domains): ids of running domains."""
        return _LIST_DOMAINS(self)

    def listDefinedDomains(self) -> list[str]:
        """virConnectListDefinedDomains (libvirt 0.1.1; connect:search-domains)."""
        return _CONNECT_LIST_DEFINED_DOMAINS(self)

    def listAllDomains(self, flags: int = 0) -> list[virDomain]:
        """virConnectListAllDomains (libvirt 0.9.13; connect:search-domains)."""
        return [virDomain(self, ref) for ref in _CONNECT_LIST_ALL_DOMAINS(self, flags)]

    def defineXML(self, xml: str) -> virDomain:
        """virDomainDefineXML (libvirt 0.1.1; domain:write, domain:save)."""
        return virDomain(self, _DOMAIN_DEFINE_XML(self, xml))

    def defineXMLFlags(self, xml: str, flags: int = 0) -> virDomain:
        """virDomainDefineXMLFlags (libvirt 1.2.12; domain:write, domain:save)."""
        return virDomain(self, _DOMAIN_DEFINE_XML_FLAGS(self, xml, flags))

    def createXML(self, xmlDesc: str, flags: int = 0) -> virDomain:
        """virDomainCreateXML (libvirt 0.5.0; domain:write, domain:start)."""
        return virDomain(self, _DOMAIN_CREATE_XML(self, xmlDesc, flags))

    def createLinux(self, xmlDesc: str | None, flags: int = 0) -> virDomain:
        """virDomainCreateLinux (libvirt 0.0.3)."""
        return virDomain(self, _DOMAIN_CREATE_LINUX(self, xmlDesc, flags))

    def createXMLWithFiles(self, xmlDesc: str, files: Any, flags: int = 0) -> virDomain:
        """virDomainCreateXMLWithFiles (libvirt 1.1.1; domain:write, domain:start)."""
        return virDomain(self, _DOMAIN_CREATE_XML_WITH_FILES(self, xmlDesc, files, flags))

    def domainXMLFromNative(self, nativeFormat: str, nativeConfig: str, flags: int = 0) -> str:
        """virConnectDomainXMLFromNative (libvirt 0.6.4; connect:write)."""
        return _CONNECT_DOMAIN_XML_FROM_NATIVE(self, nativeFormat, nativeConfig, flags)

    def domainXMLToNative(self, nativeFormat: str, domainXml: str, flags: int = 0) -> str:
        """virConnectDomainXMLToNative (libvirt 0.6.4; connect:write)."""
        return _CONNECT_DOMAIN_XML_TO_NATIVE(self, nativeFormat, domainXml, flags)

    def getAllDomainStats(
        self, stats: int = 0, flags: int = 0
    ) -> list[tuple[virDomain, dict[str, Any]]]:
        """virConnectGetAllDomainStats (libvirt 1.2.8; connect:search-domains, domain:read).

        :param stats: VIR_DOMAIN_STATS_*, 0 = all
        """
        found = _GET_ALL_DOMAIN_STATS(self, [], stats, flags)
        return [(virDomain(self, handle), values) for handle, values in found]

    def domainListGetStats(
        self, doms: list[virDomain], stats: int = 0, flags: int = 0
    ) -> list[tuple[virDomain, dict[str, Any]]]:
        """virDomainListGetStats (libvirt 1.2.8; domain:read)."""
        for dom in doms:
            if not isinstance(dom, virDomain):
                raise libvirtError("domain list contains non-domain elements")
        refs = [ref_of(dom, "virDomainListGetStats") for dom in doms]
        if not refs:
            text = "doms array in virDomainListGetStats must contain at least one domain"
            raise fail(self, error(Code.INVALID_ARG, text, domain=From.DOMAIN))
        found = _LIST_GET_STATS(self, refs, stats, flags)
        return [(virDomain(self, handle), values) for handle, values in found]
