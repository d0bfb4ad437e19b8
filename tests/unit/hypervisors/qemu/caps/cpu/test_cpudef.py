# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import parse, pretty
from tests.base import TestCase

HOST = """<cpu>
  <arch>x86_64</arch>
  <model>Conroe</model>
  <vendor>Intel</vendor>
  <microcode version='5'/>
  <signature family='6' model='15' stepping='1'/>
  <counter name='tsc' frequency='2000' scaling='no'/>
  <topology sockets='1' dies='1' cores='2' threads='1'/>
  <maxphysaddr mode='emulate' bits='46'/>
  <feature name='vmx'/>
</cpu>
"""
GUEST = """<cpu mode='custom' match='exact' check='partial'>
  <model fallback='forbid' vendor_id='abcdefghi&apos;&quot;"'>Conroe &lt;"'&gt;</model>
  <cache level='3' mode='emulate'/>
  <feature policy='disable' name='vmx'/>
</cpu>
""".replace("\"'>", "x'>")

#: XML -> code, part of the message
REFUSED = {
    "<domain/>": (Code.XML_ERROR, "XML does not contain expected 'cpu' element"),
    "<cpu": (Code.XML_DETAIL, "(CPU_definition):1: Couldn't find end of Start Tag cpu"),
    "": (Code.XML_DETAIL, "Document is empty"),
    "<!DOCTYPE cpu [<!ENTITY a 'b'>]><cpu>&a;</cpu>": (Code.XML_ERROR, "DTD"),
    "<cpu match='exact'><arch>x86_64</arch></cpu>": (
        Code.XML_ERROR,
        "'arch' element cannot be used",
    ),
    "<cpu mode='x'/>": (Code.CONFIG_UNSUPPORTED, "Invalid mode attribute 'x'"),
    "<cpu mode='custom'><arch>x86_64</arch></cpu>": (
        Code.CONFIG_UNSUPPORTED,
        "only allowed for guest",
    ),
    "<cpu><arch>x</arch></cpu>": (Code.CONFIG_UNSUPPORTED, "Unknown architecture x"),
    "<cpu><arch>x86_64</arch></cpu>": (Code.XML_ERROR, "Missing CPU model name"),
    "<cpu><vendor>Intel</vendor></cpu>": (Code.XML_ERROR, "CPU vendor specified without CPU model"),
    "<cpu><feature name='a'/></cpu>": (Code.XML_ERROR, "Non-empty feature list specified"),
    "<cpu><model>a</model><feature/></cpu>": (Code.XML_ERROR, "Invalid CPU feature name"),
    "<cpu><model>a</model><feature name='b' policy='c'/></cpu>": (
        Code.CONFIG_UNSUPPORTED,
        "Invalid CPU feature policy",
    ),
    "<cpu><model>a</model><feature name='b'/><feature name='b'/></cpu>": (
        Code.XML_ERROR,
        "CPU feature 'b' specified more than once",
    ),
    "<cpu><model vendor_id='x'>a</model></cpu>": (Code.XML_ERROR, "exactly 12 characters"),
    "<cpu><model vendor_id='abcdefghijk,'>a</model></cpu>": (
        Code.XML_ERROR,
        "vendor id is invalid",
    ),
    "<cpu><model fallback='x'>a</model></cpu>": (Code.CONFIG_UNSUPPORTED, "Invalid fallback"),
    "<cpu><topology sockets='0' cores='1' threads='1'/></cpu>": (
        Code.XML_ERROR,
        "Zero is not permitted",
    ),
    "<cpu><topology cores='1' threads='1'/></cpu>": (Code.XML_ERROR, "Missing required attribute"),
    "<cpu><topology sockets='-1' cores='1' threads='1'/></cpu>": (
        Code.XML_ERROR,
        "non-negative integer",
    ),
    "<cpu><cache mode='emulate' level='4'/></cpu>": (Code.XML_ERROR, "in range [1,3]"),
    "<cpu><cache mode='x'/></cpu>": (Code.XML_ERROR, "Invalid value for attribute 'mode'"),
    "<cpu migratable='on'><model>a</model></cpu>": (
        Code.CONFIG_UNSUPPORTED,
        "Attribute migratable",
    ),
}


class RoundTripTest(TestCase):
    def test_same_text(self) -> None:
        for text in (HOST, GUEST):
            self.assertEqual(text, pretty(parse(text, None).element()))

    def test_modes(self) -> None:
        text = "<cpu mode='host-passthrough' check='none' migratable='on'/>\n"
        self.assertEqual(text, pretty(parse(text, None).element()))


class RefusalTest(TestCase):
    def test_refused(self) -> None:
        for xml, (code, text) in REFUSED.items():
            with self.subTest(xml), self.assertRaises(libvirtError) as caught:
                parse(xml, None)
            self.assertEqual(code, caught.exception.get_error_code(), xml)
            self.assertIn(text, caught.exception.get_error_message() or "", xml)

    def test_mark_below_the_place(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            parse("nonsense", None)
        text = "(CPU_definition):1: Start tag expected, '<' not found\nnonsense\n^"
        self.assertEqual(text, caught.exception.get_error_message())
