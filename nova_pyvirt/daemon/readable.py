# SPDX-License-Identifier: Apache-2.0
"""What a read-only connection may call: everything not named here is denied.

The procedures whose public function does not refuse read-only connections (virCheckReadOnlyGoto in
libvirt 9.0.0's libvirt-*.c).
"""

import re
from collections.abc import Callable
from typing import Any, Final

READABLE: Final = frozenset(
    """
auth_list auth_polkit auth_sasl_init auth_sasl_start auth_sasl_step connect_baseline_cpu
connect_close connect_compare_cpu connect_domain_event_callback_deregister_any
connect_domain_event_callback_register_any connect_domain_event_deregister
connect_domain_event_deregister_any connect_domain_event_register
connect_domain_event_register_any connect_get_all_domain_stats connect_get_capabilities
connect_get_cpu_model_names connect_get_hostname connect_get_lib_version connect_get_max_vcpus
connect_get_storage_pool_capabilities connect_get_sysinfo connect_get_type connect_get_uri
connect_get_version connect_is_secure connect_list_all_domains connect_list_all_interfaces
connect_list_all_networks connect_list_all_node_devices connect_list_all_nwfilter_bindings
connect_list_all_nwfilters connect_list_all_secrets connect_list_all_storage_pools
connect_list_defined_domains connect_list_defined_interfaces connect_list_defined_networks
connect_list_defined_storage_pools connect_list_domains connect_list_interfaces
connect_list_networks connect_list_nwfilters connect_list_secrets connect_list_storage_pools
connect_network_event_deregister_any connect_network_event_register_any
connect_node_device_event_deregister_any connect_node_device_event_register_any
connect_num_of_defined_domains connect_num_of_defined_interfaces connect_num_of_defined_networks
connect_num_of_defined_storage_pools connect_num_of_domains connect_num_of_interfaces
connect_num_of_networks connect_num_of_nwfilters connect_num_of_secrets
connect_num_of_storage_pools connect_open connect_register_close_callback
connect_secret_event_deregister_any connect_secret_event_register_any connect_set_identity
connect_storage_pool_event_deregister_any connect_storage_pool_event_register_any
connect_supports_feature connect_unregister_close_callback domain_backup_get_xml_desc
domain_block_stats domain_block_stats_flags domain_checkpoint_get_parent
domain_checkpoint_get_xml_desc domain_checkpoint_list_all_children
domain_checkpoint_lookup_by_name domain_get_autostart domain_get_autostart_once
domain_get_blkio_parameters domain_get_block_info domain_get_block_io_tune
domain_get_block_job_info domain_get_control_info domain_get_cpu_stats domain_get_disk_errors
domain_get_emulator_pin_info domain_get_info domain_get_interface_parameters
domain_get_iothread_info domain_get_job_info domain_get_job_stats domain_get_max_memory
domain_get_max_vcpus domain_get_memory_parameters domain_get_messages domain_get_metadata
domain_get_numa_parameters domain_get_os_type domain_get_perf_events
domain_get_scheduler_parameters domain_get_scheduler_parameters_flags domain_get_scheduler_type
domain_get_security_label domain_get_security_label_list domain_get_state domain_get_vcpu_pin_info
domain_get_vcpus domain_get_vcpus_flags domain_get_xml_desc domain_has_current_snapshot
domain_has_managed_save_image domain_interface_addresses domain_interface_stats domain_is_active
domain_is_persistent domain_is_updated domain_list_all_checkpoints domain_list_all_snapshots
domain_lookup_by_id domain_lookup_by_name domain_lookup_by_uuid domain_managed_save_get_xml_desc
domain_memory_stats domain_migrate_get_compression_cache domain_migrate_get_max_downtime
domain_snapshot_current domain_snapshot_get_parent domain_snapshot_get_xml_desc
domain_snapshot_has_metadata domain_snapshot_is_current domain_snapshot_list_all_children
domain_snapshot_list_children_names domain_snapshot_list_names domain_snapshot_lookup_by_name
domain_snapshot_num domain_snapshot_num_children interface_get_xml_desc interface_is_active
interface_lookup_by_mac_string interface_lookup_by_name network_get_autostart
network_get_bridge_name network_get_dhcp_leases network_get_metadata network_get_xml_desc
network_is_active network_is_persistent network_list_all_ports network_lookup_by_name
network_lookup_by_uuid network_port_get_parameters network_port_get_xml_desc
network_port_lookup_by_uuid node_device_get_parent
node_device_get_xml_desc node_device_is_active node_device_is_persistent node_device_list_caps
node_device_lookup_by_name node_device_lookup_scsi_host_by_wwn node_device_num_of_caps
node_get_cells_free_memory node_get_cpu_map node_get_cpu_stats node_get_free_memory
node_get_free_pages node_get_info node_get_memory_parameters node_get_memory_stats
node_get_security_model node_list_devices node_num_of_devices nwfilter_binding_get_xml_desc
nwfilter_binding_lookup_by_port_dev nwfilter_get_xml_desc nwfilter_lookup_by_name
nwfilter_lookup_by_uuid secret_get_xml_desc secret_lookup_by_usage secret_lookup_by_uuid
storage_pool_get_autostart storage_pool_get_info storage_pool_get_xml_desc storage_pool_is_active
storage_pool_is_persistent storage_pool_list_all_volumes storage_pool_list_volumes
storage_pool_lookup_by_name storage_pool_lookup_by_target_path storage_pool_lookup_by_uuid
storage_pool_lookup_by_volume storage_pool_num_of_volumes storage_vol_get_info
storage_vol_get_info_flags storage_vol_get_path storage_vol_get_xml_desc storage_vol_lookup_by_key
storage_vol_lookup_by_name storage_vol_lookup_by_path
""".split()
)

_SECURE: Final = 1
_MIGRATABLE: Final = 8
_VCPU_GUEST: Final = 8
_SOURCE_AGENT: Final = 1

#: procedures that are readable but for some arguments: (refused?, what the message adds)
CONDITIONS: Final[dict[str, tuple[Callable[[list[Any]], bool], str]]] = {
    "domain_get_xml_desc": (lambda a: bool(a[1] & (_SECURE | _MIGRATABLE)), " with secure flag"),
    "domain_checkpoint_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_managed_save_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_snapshot_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_get_vcpus_flags": (lambda a: bool(a[1] & _VCPU_GUEST), ""),
    "domain_interface_addresses": (lambda a: a[1] == _SOURCE_AGENT, ""),
}

_WORDS: Final = {
    "xml": "XML",
    "nmi": "NMI",
    "cpu": "CPU",
    "uuid": "UUID",
    "id": "ID",
    "io": "IO",
    "iothread": "IOThread",
    "os": "OS",
    "uri": "URI",
    "pm": "PM",
    "sev": "SEV",
    "nwfilter": "NWFilter",
    "nwfilters": "NWFilters",
    "fstrim": "FSTrim",
    "fsfreeze": "FSFreeze",
    "fsthaw": "FSThaw",
    "fsinfo": "FSInfo",
    "ssh": "SSH",
    "fd": "FD",
    "scsi": "SCSI",
    "wwn": "WWN",
    "mac": "MAC",
    "dhcp": "DHCP",
}


def function(proc: str) -> str:
    """The public C function of a procedure, as error messages name it."""
    words = re.split("_", proc)
    return "vir" + "".join(_WORDS.get(w, w.capitalize()) for w in words)
