# SPDX-License-Identifier: Apache-2.0
"""What a domain is tainted by; what an encrypted guest's owner can check."""

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import taints
from nova_pyvirt.hypervisors.qemu.ops import security
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.typed import UInt
from tests.unit.hypervisors.qemu.ops.case import XML, OpsCase

SEV = """<launchSecurity type='sev'><cbitpos>47</cbitpos>
<reducedPhysBits>1</reducedPhysBits><policy>1</policy></launchSecurity>"""


class TestMessages(OpsCase):
    def test_taints(self) -> None:
        self.assertEqual([], taints.messages(self.state, self.ref, 0))
        self.start()
        self.vm.private.taints += ["custom-monitor", "host-cpu", "custom-argv"]
        told = [
            "tainted: custom configuration parameters specified",
            "tainted: custom monitor control commands issued",
            "tainted: potentially unsafe use of host CPU passthrough",
        ]
        self.assertEqual(told, taints.messages(self.state, self.ref, 0))
        self.assertEqual(told, taints.messages(self.state, self.ref, taints.TAINTING))
        self.assertEqual([], taints.messages(self.state, self.ref, taints.DEPRECATION))
        self.refused(Code.INVALID_ARG, taints.messages, 4)


class TestLaunchSecurity(OpsCase):
    def test_of_a_plain_guest(self) -> None:
        info = security.get_launch_security_info(self.state, self.ref, 0)
        self.assertEqual({}, info)

    def test_of_an_encrypted_one(self) -> None:
        self.vm.definition = Domain.load(XML.format(extra=SEV, devices=""))
        self.refused(Code.OPERATION_INVALID, security.get_launch_security_info, 0)
        sev = {"api-major": 1, "api-minor": 2, "build-id": 3, "policy": 1, "state": "running"}
        self.start(query_sev_launch_measure={"data": "AAA="}, query_sev=sev)
        info = security.get_launch_security_info(self.state, self.ref, 4)
        self.assertEqual("AAA=", info["sev-measurement"])
        self.assertEqual((UInt, 3), (type(info["sev-build-id"]), info["sev-build-id"]))
        self.refused(Code.INVALID_ARG, security.get_launch_security_info, 1)
