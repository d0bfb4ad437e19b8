# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from unittest import mock

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps import CpuDefinition, connect
from nova_pyvirt.hypervisors.qemu.caps.cpu import x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from tests.base import TestCase

ANSWERS = Path(__file__).parents[5] / "fixtures/baseline_cpu.json"


def host(model: str, vendor: str | None = None, *features: str) -> CpuDef:
    return CpuDef(
        "host", None, arch="x86_64", model=model, vendor=vendor, features=dict.fromkeys(features)
    )


def guest(model: str, match: str = "exact", **features: str) -> CpuDef:
    return CpuDef(model=model, match=match, features=features)


class BaselineTest(TestCase):
    def test_as_libvirt_answers(self) -> None:
        """baselineCPU answers of libvirtd 9.0.0, recorded."""
        for case in json.loads(ANSWERS.read_text()):
            with self.subTest(case["xmls"], flags=case["flags"]):
                try:
                    found = {"ret": connect.baseline_cpu(mock.Mock(), case["xmls"], case["flags"])}
                except libvirtError as exc:
                    error = (exc.get_error_code(), exc.get_error_domain(), exc.get_error_message())
                    found = {"err": list(error)}
                self.assertEqual({k: case[k] for k in case if k in ("ret", "err")}, found)

    def test_limited_to_what_the_hypervisor_knows(self) -> None:
        models = {"Conroe": CpuDefinition("Conroe", None, True, (), False)}
        found = x86.baseline([host("Penryn")], models=models)
        self.assertEqual("Conroe", found.model)
        found = x86.baseline([host("Conroe")], features={"fpu", "sse2"})
        self.assertEqual("disable", found.features["sse"])
        self.assertNotIn("sse2", found.features)


class CompareTest(TestCase):
    def test_verdicts(self) -> None:
        have = host("Conroe", "Intel")
        self.assertEqual((x86.IDENTICAL, None), x86.compare(have, guest("Conroe")))
        self.assertEqual((x86.SUPERSET, None), x86.compare(have, guest("kvm32")))
        verdict, why = x86.compare(have, guest("Conroe", svm="require"))
        self.assertEqual((0, "Host CPU does not provide required features: svm"), (verdict, why))
        verdict, why = x86.compare(have, guest("kvm32", sse2="forbid"))
        self.assertEqual((0, "Host CPU provides forbidden features: sse2"), (verdict, why))
        verdict, why = x86.compare(have, guest("kvm32", "strict"))
        self.assertTrue((why or "").startswith("Host CPU does not strictly match guest CPU"))

    def test_policies_that_need_nothing(self) -> None:
        for policy in ("force", "optional", "disable"):
            found = x86.compare(host("Conroe"), guest("Conroe", svm=policy))
            self.assertEqual((x86.IDENTICAL, None), found, policy)

    def test_vendor_and_architecture(self) -> None:
        cpu = guest("486")
        cpu.vendor = "AMD"
        self.assertEqual(0, x86.compare(host("Conroe", "Intel"), cpu)[0])
        other = CpuDef("host", None, arch="ppc64", model="POWER8")
        self.assertEqual(0, x86.compare(host("Conroe"), other)[0])
        self.assertEqual((0, "unknown host CPU"), x86.compare(None, cpu))

    def test_unknown_names(self) -> None:
        for cpu, text in (
            (guest("NoSuch"), "Unknown CPU model NoSuch"),
            (guest("486", nosuch="require"), "Unknown CPU feature nosuch"),
        ):
            with self.assertRaisesRegex(libvirtError, text):
                x86.compare(host("Conroe"), cpu)


class DecodeTest(TestCase):
    def data(self, model: str, *more: str, signature: tuple[int, int, int] = (0, 0, 0)) -> x86.Data:
        known = x86.get()
        found = known.models[model]
        vendor = known.vendors[found.vendor] if found.vendor else 0
        return x86.Data(found.bits | known.union(more) | vendor, signature)

    def test_every_model_is_itself(self) -> None:
        for name, model in x86.get().models.items():
            if model.for_guest and model.signatures:
                family, number, steppings = model.signatures[0]
                stepping = min(steppings) if steppings else 0
                data = self.data(name, signature=(family, number, stepping))
                found = x86.decode(data, "guest", preferred=[name])
                self.assertEqual(name, found.model)
                self.assertNotIn("require", found.features.values())

    def test_extra_features(self) -> None:
        found = x86.decode(self.data("Penryn", "vmx"), "host")
        self.assertEqual(
            ("Penryn", "Intel", {"vmx": None}), (found.model, found.vendor, found.features)
        )

    def test_what_blocks_the_hypervisors_model_is_switched_off(self) -> None:
        models = {"Penryn": CpuDefinition("Penryn", None, False, ("svm",), False)}
        found = x86.decode(self.data("Penryn"), "guest", models=models)
        self.assertEqual({"svm": "disable"}, found.features)

    def test_broken_tsx(self) -> None:
        found = x86.decode(self.data("Haswell", signature=(6, 60, 3)), "guest")
        self.assertEqual("Haswell-noTSX", found.model)

    def test_no_model(self) -> None:
        with self.assertRaisesRegex(libvirtError, "Cannot find suitable CPU model"):
            x86.decode(self.data("Penryn"), "guest", models={})

    def test_a_preferred_model_the_hypervisor_lacks(self) -> None:
        models = {"486": CpuDefinition("486", None, True, (), False)}
        with self.assertRaises(libvirtError) as caught:
            x86.decode(
                self.data("Penryn"), "guest", models=models, preferred=["Penryn"], fallback="forbid"
            )
        self.assertEqual(Code.CONFIG_UNSUPPORTED, caught.exception.get_error_code())


class UpdateTest(TestCase):
    def test_optional_features_are_settled(self) -> None:
        cpu = guest("486", sse2="optional", svm="optional")
        x86.update(cpu, host("Conroe"))
        self.assertEqual({"sse2": "require", "svm": "disable"}, cpu.features)

    def test_host_model(self) -> None:
        cpu = CpuDef(mode="host-model", features={"vmx": "disable"})
        x86.update(cpu, host("Conroe", "Intel", "vmx", "pcid"))
        self.assertEqual(("custom", "Conroe", "Intel"), (cpu.mode, cpu.model, cpu.vendor))
        self.assertEqual({"vmx": "disable", "pcid": "require"}, cpu.features)

    def test_features_a_model_has_lost_are_named(self) -> None:
        cpu = guest("EPYC")
        x86.update(cpu, None, relative=False)
        self.assertEqual({"monitor": "disable"}, cpu.features)

    def test_host_must_be_known(self) -> None:
        with self.assertRaisesRegex(libvirtError, "unknown host CPU model"):
            x86.update(guest("EPYC"), None)


class MigratableTest(TestCase):
    def test_invtsc(self) -> None:
        self.assertEqual(
            ["aes"], list(x86.migratable(guest("486", invtsc="require", aes="require")).features)
        )
