# SPDX-License-Identifier: Apache-2.0
"""CPU features that libvirt and QEMU spell differently (x86)."""

_TO_QEMU = {
    "cmp_legacy": "cmp-legacy",
    "ds_cpl": "ds-cpl",
    "fxsr_opt": "fxsr-opt",
    "kvm_pv_eoi": "kvm-pv-eoi",
    "kvm_pv_unhalt": "kvm-pv-unhalt",
    "lahf_lm": "lahf-lm",
    "nodeid_msr": "nodeid-msr",
    "pclmuldq": "pclmulqdq",
    "perfctr_core": "perfctr-core",
    "perfctr_nb": "perfctr-nb",
    "tsc_adjust": "tsc-adjust",
}
_FROM_QEMU = {qemu: libvirt for libvirt, qemu in _TO_QEMU.items()}

#: features libvirt knows that must never be given to QEMU
UNKNOWN_TO_QEMU = frozenset({"cmt", "mbm_total", "mbm_local", "osxsave", "ospke"})


def feature_to_qemu(name: str) -> str:
    """QEMU's name of libvirt's CPU feature `name`."""
    return _TO_QEMU.get(name, name)


def feature_from_qemu(name: str) -> str:
    """libvirt's name of QEMU's CPU feature `name`."""
    return _FROM_QEMU.get(name, name)
