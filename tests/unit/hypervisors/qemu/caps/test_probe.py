# SPDX-License-Identifier: Apache-2.0
from typing import Any

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps.probe import probe
from tests.base import TestCase
from tests.unit.hypervisors.qemu.caps.fake import FakeSession


def _expansion(arguments: dict[str, Any]) -> dict[str, Any]:
    model = arguments["model"]
    props = model.get("props", {})
    wide = props.get("migratable") is False
    if arguments["type"] == "full":
        return {"model": {"name": model["name"], "props": {"hv-time": True, "hv-vendor-id": ""}}}
    return {"model": {"name": "base", "props": {"sse2": True, "invtsc": wide, "family": 6}}}


ANSWERS: dict[str, Any] = {
    "query-target": {"arch": "x86_64"},
    "query-qmp-schema": [{"name": "query-vnc", "meta-type": "command"}],
    "query-kvm": {"present": True, "enabled": False},
    "qom-list-types": [{"name": "tcg-accel"}, {"name": "iothread"}, {"name": "sev-guest"}],
    "query-machines": [
        {"name": "none", "cpu-max": 1},
        {"name": "pc-q35-7.2", "alias": "q35", "cpu-max": 288},
        {"name": "pc-i440fx-7.2", "alias": "pc", "cpu-max": 255, "hotpluggable-cpus": True},
    ],
    "query-cpu-definitions": [
        {"name": "max", "typename": "max-x86_64-cpu", "unavailable-features": []},
        {"name": "Conroe", "unavailable-features": ["lahf-lm"]},
        {"name": "old"},
    ],
    "query-cpu-model-expansion": _expansion,
    "query-command-line-options": [{"option": "sandbox", "parameters": []}],
}


def ask(answers: dict[str, Any], **kwargs: Any) -> Any:
    sessions: list[tuple[str, FakeSession]] = []

    def start(_binary: str, accel: str) -> FakeSession:
        sessions.append((accel, FakeSession(answers, **kwargs)))
        return sessions[-1][1]

    return probe("/qemu", session=start), sessions  # type: ignore[arg-type]


class ProbeTest(TestCase):
    def test_without_kvm_one_session_is_enough(self) -> None:
        caps, sessions = ask(ANSWERS)
        self.assertEqual(["kvm:tcg"], [accel for accel, _session in sessions])
        self.assertEqual(("qemu", False, 7002022), (caps.virt_type, caps.kvm, caps.version))
        self.assertLess(len(sessions[0][1].asked), 30)

    def test_with_kvm_the_emulator_is_asked_too(self) -> None:
        caps, sessions = ask({**ANSWERS, "query-kvm": {"present": True, "enabled": True}})
        self.assertEqual(["kvm:tcg", "tcg"], [accel for accel, _session in sessions])
        self.assertEqual({"kvm", "qemu"}, set(caps.accels))
        self.assertEqual(("vendor_id",), caps.hyperv)

    def test_facts(self) -> None:
        caps, _ = ask(ANSWERS)
        self.assertEqual(["pc-i440fx-7.2", "pc-q35-7.2"], [m.name for m in caps.machines])
        self.assertEqual("pc-q35-7.2", caps.canonical_machine("q35"))
        usable = {cpu.name: (cpu.usable, cpu.blockers) for cpu in caps.cpu_models()}
        self.assertEqual(
            {"max": (True, ()), "Conroe": (False, ("lahf_lm",)), "old": (None, ())}, usable
        )
        for name in ("tcg", "iothread", "vnc", "seccomp-sandbox", "cpu-max"):
            self.assertTrue(caps.has(name), name)

    def test_a_type_whose_query_fails_is_not_supported(self) -> None:
        self.assertFalse(ask(ANSWERS)[0].has("sev-guest"))

    def test_migratability(self) -> None:
        properties = {p.name: p for p in ask(ANSWERS)[0].accel().host_cpu.properties}
        self.assertEqual((True, True), (properties["sse2"].value, properties["sse2"].migratable))
        self.assertEqual(
            (True, False), (properties["invtsc"].value, properties["invtsc"].migratable)
        )

    def test_too_old(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            ask(ANSWERS, version=(4, 1, 0))
        self.assertEqual(Code.CONFIG_UNSUPPORTED, caught.exception.get_error_code())
