# SPDX-License-Identifier: Apache-2.0
"""Access control: none, or a policy file of rules by identity, object and permission.

The file is JSON::

    {"default": "allow" | "deny",
     "rules": [{"identity": ["uid:1000", "gid:6", "name:CN=alice", "host:10.0.0.1", "*"],
                "object": ["domain:web-*", "domain:uuid:...", "connect", "*"],
                "permission": ["getattr", "read", "start", "*"],
                "effect": "allow" | "deny"}]}

The first rule that matches decides. Objects and permissions are libvirt's (aclpolkit.html). An
object a client may not `getattr` is in no list and causes no event for it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final
from uuid import UUID

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os
from nova_pyvirt.wire.idl import Procedure

AFFECT_LIVE: Final = 1
AFFECT_CONFIG: Final = 2
#: the flags that permissions of the protocol depend on
FLAGS: Final = {
    "VIR_DOMAIN_XML_SECURE": 1,
    "VIR_DOMAIN_XML_MIGRATABLE": 8,
    "VIR_DOMAIN_AFFECT_LIVE": 1,
    "VIR_DOMAIN_AFFECT_CONFIG": 2,
    "VIR_DOMAIN_REBOOT_GUEST_AGENT": 2,
    "VIR_DOMAIN_SHUTDOWN_GUEST_AGENT": 2,
    "VIR_DOMAIN_VCPU_GUEST": 8,
    "VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE": 64,
    "VIR_DOMAIN_SNAPSHOT_XML_SECURE": 1,
    "VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE": 2,
    "VIR_DOMAIN_CHECKPOINT_XML_SECURE": 1,
    "VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT": 1,
    "VIR_NETWORK_UPDATE_AFFECT_LIVE": 1,
    "VIR_NETWORK_UPDATE_AFFECT_CONFIG": 2,
    "VIR_NODE_DEVICE_UPDATE_AFFECT_LIVE": 1,
    "VIR_NODE_DEVICE_UPDATE_AFFECT_CONFIG": 2,
}


@dataclass(frozen=True)
class Rule:
    identity: tuple[str, ...]
    object: tuple[str, ...]
    permission: tuple[str, ...]
    allow: bool

    def matches(self, identities: list[str], objects: list[str], permission: str) -> bool:
        """Whether the rule speaks of this access."""
        return (
            _any(self.permission, [permission])
            and _any(self.object, objects)
            and _any(self.identity, identities)
        )


def _any(patterns: tuple[str, ...], values: list[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns for value in values)


def _identities(peer: Any) -> list[str]:
    made = []
    if peer.uid is not None:
        made += [f"uid:{peer.uid}", f"gid:{peer.gid}"]
    if peer.address:
        made.append(f"host:{peer.address}")
    if peer.name:
        made.append(f"name:{peer.name}")
    return made or ["nobody"]


def _objects(kind: str, ref: Any) -> list[str]:
    """How rules may name the object."""
    made = [kind]
    name = ref if isinstance(ref, str) else getattr(ref, "name", None)
    uuid = getattr(ref, "uuid", None)
    if name is not None:
        made.append(f"{kind}:{name}")
    if kind == "storage_vol" and hasattr(ref, "pool"):
        made.append(f"{kind}:{ref.pool}/{name}")
    if uuid is not None:
        made += [f"{kind}:uuid:{uuid.hex()}", f"{kind}:uuid:{UUID(bytes=uuid)}"]
    return made


def _flag_holds(condition: str, flags: int) -> bool:
    """``A`` any bit set, ``!A|B`` no bit set (remote_protocol.x)."""
    negate = condition.startswith("!")
    mask = 0
    for name in condition.lstrip("!").split("|"):
        mask |= FLAGS.get(name, 0)
    return (not flags & mask) if negate else bool(flags & mask)


class Policy:
    """The rules; without any, everything is allowed."""

    def __init__(self, rules: list[Rule] | None = None, default_allow: bool = True) -> None:
        self.rules = rules or []
        self.default_allow = default_allow
        self.open = not self.rules and default_allow

    @classmethod
    def load(cls, path: str) -> "Policy":
        """Reads a policy file; raises CONF_SYNTAX for a wrong one."""
        if not path:
            return cls()
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as file:
                text = json.load(file)
            rules = [
                Rule(
                    tuple(r.get("identity", ["*"])),
                    tuple(r.get("object", ["*"])),
                    tuple(r.get("permission", ["*"])),
                    {"allow": True, "deny": False}[r["effect"]],
                )
                for r in text.get("rules", [])
            ]
            default = {"allow": True, "deny": False}[text.get("default", "deny")]
        except (ValueError, KeyError, AttributeError, TypeError) as exc:
            raise error(Code.CONF_SYNTAX, f"{path}: {exc}", domain=From.CONF) from exc
        return cls(rules, default)

    def allows(self, peer: Any, kind: str, ref: Any, permission: str) -> bool:
        """Whether `peer` has a permission on an object."""
        if self.open:
            return True
        objects = _objects(kind, ref)
        identities = _identities(peer)
        for rule in self.rules:
            if rule.matches(identities, objects, permission):
                return rule.allow
        return self.default_allow

    def might(self, peer: Any, proc: Procedure) -> bool:
        """Whether there is an object for which `peer` may make a call."""
        if self.default_allow:
            return True
        identities = _identities(peer)
        needed = [entry.split(":")[1] for entry in proc.acl if entry.count(":") == 1]
        return all(
            any(
                rule.allow and _any(rule.permission, [one]) and _any(rule.identity, identities)
                for rule in self.rules
            )
            for one in needed
        )

    def check(self, peer: Any, proc: Procedure, args: list[Any], about: Sequence[Any] = ()) -> None:
        """Raises ACCESS_DENIED (or, for lookups, what hides the object) unless all is allowed.

        :param about: the objects, where the first argument is none (subjects.py)
        """
        if self.open:
            return
        ref = args[0] if args and hasattr(args[0], "_fields") else None
        ref = getattr(ref, "dom", ref)
        flags = args[-1] if args and isinstance(args[-1], int) else 0
        for entry in proc.acl:
            if entry == "none":
                continue
            kind, permission, *condition = entry.split(":")
            if condition and not _flag_holds(condition[0], flags):
                continue
            if kind != "connect" and ref is None and permission == "getattr":
                continue  # lookups are checked on what they give
            refs = [None] if kind == "connect" else about or [ref]
            if not all(self.allows(peer, kind, one, permission) for one in refs):
                raise error(
                    Code.ACCESS_DENIED,
                    f"'{permission}' denied on {kind}",
                    domain=From.ACCESS,
                )

    def filter(self, peer: Any, proc: Procedure, result: Any) -> Any:
        """The result without what the client may not see."""
        if self.open:
            return result
        if isinstance(result, list) and proc.aclfilter:
            kind, permission = proc.aclfilter[0].split(":")[:2]
            return [r for r in result if self.allows(peer, kind, _subject(r), permission)]
        if hasattr(result, "_fields") and "lookup" in proc.name:
            kind = proc.acl[0].split(":")[0]
            if not self.allows(peer, kind, result, "getattr"):
                raise _missing(kind, proc.name, result)
        return result


#: what a look-up says of an object that isn't there
_MISSING: Final = {
    "domain": (Code.NO_DOMAIN, From.QEMU, "domain"),
    "network": (Code.NO_NETWORK, From.NETWORK, "network"),
    "storage_pool": (Code.NO_STORAGE_POOL, From.STORAGE, "storage pool"),
    "storage_vol": (Code.NO_STORAGE_VOL, From.STORAGE, "storage vol"),
    "node_device": (Code.NO_NODE_DEVICE, From.NODEDEV, "node device"),
    "interface": (Code.NO_INTERFACE, From.INTERFACE, "interface"),
    "secret": (Code.NO_SECRET, From.SECRET, "secret"),
    "nwfilter": (Code.NO_NWFILTER, From.NWFILTER, "nwfilter"),
}


def _missing(kind: str, call: str, ref: Any) -> libvirtError:
    """A hidden object looks as one that isn't there."""
    code, domain, label = _MISSING.get(kind, (Code.ACCESS_DENIED, From.ACCESS, kind))
    by = call.rpartition("_by_")[2]
    value = getattr(ref, "id" if by == "id" else "name", "")
    if by == "uuid" or not value:
        by, value = "uuid", str(UUID(bytes=ref.uuid))
    quoted = value if by == "id" else f"'{value}'"
    return error(code, f"no {label} with matching {by} {quoted}", domain=domain)


def _subject(item: Any) -> Any:
    """The object a list's element speaks of."""
    return item[0] if type(item) is tuple else item
