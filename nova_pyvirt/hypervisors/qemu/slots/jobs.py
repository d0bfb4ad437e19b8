# SPDX-License-Identifier: Apache-2.0
"""The table's long-running jobs: what they do, and saving, restoring, dumping."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import dump, jobs, migrating, power, restore, save
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class JobSlots(Slots):
    """Jobs as clients see them."""

    def domain_get_control_info(self, dom: DomainRef, flags: int) -> tuple[int, int, int]:
        return jobs.get_control_info(self.state, dom, flags)

    def domain_get_job_info(self, dom: DomainRef) -> list[int]:
        return jobs.get_job_info(self.state, dom)

    def domain_get_job_stats(self, dom: DomainRef, flags: int) -> tuple[int, Params]:
        return jobs.get_job_stats(self.state, dom, flags)

    def domain_abort_job(self, dom: DomainRef) -> None:
        jobs.abort_job(self.state, dom, 0)

    def domain_abort_job_flags(self, dom: DomainRef, flags: int) -> None:
        jobs.abort_job(self.state, dom, flags)


class MigrationSlots(Slots):
    """What a migration may cost."""

    def domain_migrate_set_max_downtime(self, dom: DomainRef, downtime: int, flags: int) -> None:
        migrating.set_max_downtime(self.state, dom, downtime, flags)

    def domain_migrate_get_max_downtime(self, dom: DomainRef, flags: int) -> int:
        return migrating.get_max_downtime(self.state, dom, flags)

    def domain_migrate_set_compression_cache(self, dom: DomainRef, size: int, flags: int) -> None:
        migrating.set_compression_cache(self.state, dom, size, flags)

    def domain_migrate_get_compression_cache(self, dom: DomainRef, flags: int) -> int:
        return migrating.get_compression_cache(self.state, dom, flags)

    def domain_migrate_set_max_speed(self, dom: DomainRef, bandwidth: int, flags: int) -> None:
        migrating.set_max_speed(self.state, dom, bandwidth, flags)

    def domain_migrate_get_max_speed(self, dom: DomainRef, flags: int) -> int:
        return migrating.get_max_speed(self.state, dom, flags)

    def domain_migrate_start_post_copy(self, dom: DomainRef, flags: int) -> None:
        migrating.start_post_copy(self.state, dom, flags)


class SaveSlots(Slots):
    """Guests in files."""

    def domain_save(self, dom: DomainRef, path: str) -> None:
        save.save(self.state, dom, path)

    def domain_save_flags(self, dom: DomainRef, path: str, xml: str | None, flags: int) -> None:
        save.save(self.state, dom, path, xml, flags)

    def domain_save_params(self, dom: DomainRef, params: Params, flags: int) -> None:
        save.save_params(self.state, dom, params, flags)

    def domain_managed_save(self, dom: DomainRef, flags: int) -> None:
        save.managed_save(self.state, dom, flags)

    def domain_managed_save_remove(self, dom: DomainRef, flags: int) -> None:
        save.managed_save_remove(self.state, dom, flags)

    def domain_managed_save_get_xml_desc(self, dom: DomainRef, flags: int) -> str:
        return restore.managed_xml(self.state, dom, flags)

    def domain_managed_save_define_xml(self, dom: DomainRef, xml: str, flags: int) -> None:
        restore.define_managed_xml(self.state, dom, xml, flags)

    def domain_restore(self, path: str) -> None:
        restore.restore(self.state, path)

    def domain_restore_flags(self, path: str, xml: str | None, flags: int) -> None:
        restore.restore(self.state, path, xml, flags)

    def domain_restore_params(self, params: Params, flags: int) -> None:
        restore.restore_params(self.state, params, flags)

    def domain_save_image_get_xml_desc(self, path: str, flags: int) -> str:
        return restore.image_xml(self.state, path, flags)

    def domain_save_image_define_xml(self, path: str, xml: str, flags: int) -> None:
        restore.define_image_xml(self.state, path, xml, flags)

    def domain_core_dump(self, dom: DomainRef, path: str, flags: int) -> None:
        dump.core_dump(self.state, dom, path, 0, flags)

    def domain_core_dump_with_format(
        self, dom: DomainRef, path: str, dumpformat: int, flags: int
    ) -> None:
        dump.core_dump(self.state, dom, path, dumpformat, flags)


class PowerSlots(Slots):
    """The guest's own sleep."""

    def domain_pm_suspend_for_duration(
        self, dom: DomainRef, target: int, duration: int, flags: int
    ) -> None:
        power.pm_suspend(self.state, dom, target, duration, flags)

    def domain_pm_wakeup(self, dom: DomainRef, flags: int) -> None:
        power.pm_wakeup(self.state, dom, flags)
