# SPDX-License-Identifier: Apache-2.0
"""qemu.conf and libvirtd.conf: every setting of libvirt 9.0.0's sample files counts or is named."""

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest import mock

from nova_pyvirt.core import qemuconf
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.core.virconf import Value
from nova_pyvirt.daemon import config
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

QEMU = """
auto_dump_bypass_cache auto_dump_path auto_start_bypass_cache backup_tls_x509_cert_dir
backup_tls_x509_secret_uuid backup_tls_x509_verify bridge_helper capability_filters
cgroup_controllers cgroup_device_acl chardev_tls chardev_tls_x509_cert_dir
chardev_tls_x509_secret_uuid chardev_tls_x509_verify dbus_daemon
default_tls_x509_cert_dir default_tls_x509_secret_uuid default_tls_x509_verify
deprecation_behavior dump_guest_core dump_image_format dynamic_ownership
gluster_debug_level group hugetlbfs_mount keepalive_count keepalive_interval lock_manager
log_timestamp mac_filter max_core max_files max_processes max_queued
max_threads_per_process memory_backing_dir migrate_tls_force migrate_tls_x509_cert_dir
migrate_tls_x509_secret_uuid migrate_tls_x509_verify migration_address migration_host
migration_port_max migration_port_min namespaces nbd_tls nbd_tls_x509_cert_dir
nbd_tls_x509_secret_uuid nographics_allow_host_audio nvram pr_helper relaxed_acs_check
remember_owner remote_display_port_max remote_display_port_min remote_websocket_port_max
remote_websocket_port_min save_image_format sched_core seccomp_sandbox
security_default_confined security_driver security_require_confined set_process_name
slirp_helper snapshot_image_format spice_auto_unix_socket spice_listen spice_password
spice_sasl spice_sasl_dir spice_tls spice_tls_x509_cert_dir stdio_handler swtpm_group
swtpm_user user virtiofsd_debug vnc_allow_host_audio vnc_auto_unix_socket vnc_listen
vnc_password vnc_sasl vnc_sasl_dir vnc_tls vnc_tls_x509_cert_dir vnc_tls_x509_secret_uuid
vnc_tls_x509_verify vxhs_tls vxhs_tls_x509_cert_dir vxhs_tls_x509_secret_uuid
""".split()
LIBVIRTD = """
access_drivers admin_keepalive_count admin_keepalive_interval admin_keepalive_required
admin_max_client_requests admin_max_clients admin_max_queued_clients admin_max_workers
admin_min_workers audit_level audit_logging auth_tcp auth_tls auth_unix_ro auth_unix_rw
ca_file cert_file crl_file host_uuid host_uuid_source keepalive_count keepalive_interval
keepalive_required key_file listen_addr listen_tcp listen_tls log_filters log_level
log_outputs max_anonymous_clients max_client_requests max_clients max_queued_clients
max_workers min_workers ovs_timeout prio_workers sasl_allowed_username_list tcp_min_ssf
tcp_port tls_allowed_dn_list tls_no_sanity_certificate tls_no_verify_certificate tls_port
tls_priority unix_sock_admin_perms unix_sock_dir unix_sock_group unix_sock_ro_perms
unix_sock_rw_perms
""".split()


def sample(kind: type) -> tuple[Value, Any]:
    """A value in a file, and what becomes of it."""
    return {
        bool: (1, True),
        int: (7, 7),
        str: ("some", "some"),
        list: (["one", "two"], ("one", "two")),
    }[kind]


class TestTables(TestCase):
    def test_qemu_conf_is_complete(self) -> None:
        self.assertGreater(len(QEMU), 85)
        self.assertEqual(set(QEMU), set(qemuconf.HONOURED) | set(qemuconf.UNEQUAL))
        self.assertFalse(set(qemuconf.HONOURED) & set(qemuconf.UNEQUAL))

    def test_libvirtd_conf_is_complete(self) -> None:
        self.assertGreater(len(LIBVIRTD), 45)
        self.assertEqual(set(), set(LIBVIRTD) - config.HONOURED - set(config.UNEQUAL))
        self.assertFalse(config.HONOURED & set(config.UNEQUAL))

    def test_every_honoured_setting_reaches_the_settings(self) -> None:
        known = {field.name for field in fields(Settings)}
        for name, (attribute, kind) in qemuconf.HONOURED.items():
            given, wanted = sample(kind)
            self.assertEqual({attribute: wanted}, qemuconf.settings({name: given}, "f"))
            self.assertIn(attribute, known)


class TestSettings(TestCase):
    def test_what_has_no_equal_is_named(self) -> None:
        for name, why in qemuconf.UNEQUAL.items():
            self.assertEqual({}, qemuconf.settings({name: "odd"}, "f"))
            self.assertEqual({name: why}, qemuconf.without_effect({name: "odd"}))
        self.assertIn("no setting", qemuconf.without_effect({"frobnicate": 1})["frobnicate"])

    def test_nothing_is_told_of_what_is_so_anyway(self) -> None:
        as_it_is: dict[str, Value] = {
            "stdio_handler": "file",
            "security_driver": "none",
            "mac_filter": 0,
            "vnc_listen": "::1",
        }
        self.assertEqual({}, qemuconf.without_effect(as_it_is))

    def test_kinds(self) -> None:
        read = qemuconf.settings
        self.assertEqual({"max_core": -1}, read({"max_core": "unlimited"}, "f"))
        self.assertEqual({"user": "107"}, read({"user": 107}, "f"))
        self.assertEqual({"hugetlbfs_mount": ()}, read({"hugetlbfs_mount": ""}, "f"))
        self.assertEqual({"hugetlbfs_mount": ("/h",)}, read({"hugetlbfs_mount": "/h"}, "f"))
        bad: list[tuple[str, Value]] = [
            ("vnc_listen", 1),
            ("max_files", "many"),
            ("vnc_tls", "yes"),
            ("nvram", 1),
        ]
        for name, value in bad:
            with self.assertRaisesRegex(libvirtError, f"for '{name}' parameter") as caught:
                read({name: value}, "f")
            self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code())

    def test_from_files(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        Path(directory, "qemu.conf").write_text(
            'vnc_listen = "::1"  # everywhere\ncgroup_controllers = [ "cpu",\n # no more\n "memory" ]\n'
            'set_process_name = 1\nsched_core = "full"\n'
        )
        Path(directory, "libvirtd.conf").write_text("audit_level = 2\n")
        paths = mock.Mock(spec=Paths, etc=directory, profile="libvirt", session=True)
        got = Settings.load(paths)
        self.assertEqual("::1", got.vnc_listen)
        self.assertEqual(("cpu", "memory"), got.cgroup_controllers)
        self.assertTrue(got.set_process_name)
        self.assertEqual(["sched_core"], list(got.without_effect))
        self.assertEqual(2, got.audit_level)
        paths.profile = "own"
        self.assertEqual("127.0.0.1", Settings.load(paths).vnc_listen)
