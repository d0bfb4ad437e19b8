# SPDX-License-Identifier: Apache-2.0
"""The table's secrets (secret_driver.c)."""

from collections.abc import Callable
from typing import Final

from nova_pyvirt.core.refs import SecretRef
from nova_pyvirt.errors import From, check_flags
from nova_pyvirt.hypervisors.qemu.slots.base import Slots

_VALIDATE: Final = 1
_LIST: Final = 15


class SecretSlots(Slots):
    """See core.secrets."""

    def connect_num_of_secrets(self) -> int:
        return len(self.state.secrets.all())

    def connect_list_secrets(self) -> list[str]:
        return [secret.uuid for secret in self.state.secrets.all()]

    def connect_list_all_secrets(self, flags: int) -> list[SecretRef]:
        check_flags(flags, _LIST, "secretConnectListAllSecrets", domain=From.SECRET)
        return [secret.ref for secret in self.state.secrets.all(flags)]

    def secret_lookup_by_uuid(self, uuid: bytes) -> SecretRef:
        return self.state.secrets.find(uuid).ref

    def secret_lookup_by_usage(self, usage: int, usage_id: str) -> SecretRef:
        return self.state.secrets.by_usage(usage, usage_id).ref

    def secret_define_xml(self, xml: str, flags: int) -> SecretRef:
        check_flags(flags, _VALIDATE, "secretDefineXML", domain=From.SECRET)
        return self.state.secrets.define(xml, validate=bool(flags)).ref

    def secret_get_xml_desc(self, secret: SecretRef, flags: int) -> str:
        check_flags(flags, 0, "secretGetXMLDesc", domain=From.SECRET)
        return self.state.secrets.find(secret.uuid).xml()

    def secret_set_value(self, secret: SecretRef, value: bytes, flags: int) -> None:
        check_flags(flags, 0, "secretSetValue", domain=From.SECRET)
        self.state.secrets.set_value(secret.uuid, value)

    def secret_get_value(self, secret: SecretRef, flags: int) -> bytes:
        check_flags(flags, 0, "secretGetValue", domain=From.SECRET)
        return self.state.secrets.value(secret.uuid)

    def secret_undefine(self, secret: SecretRef) -> None:
        self.state.secrets.undefine(secret.uuid)

    def connect_secret_event_register_any(
        self, secret: SecretRef | None, event: int, callback: Callable[..., None]
    ) -> int:
        uuid = secret.uuid if secret is not None else None
        return self.state.secrets.events.register(self, uuid, event, callback)

    def connect_secret_event_deregister_any(self, number: int) -> None:
        self.state.secrets.events.deregister(number)
