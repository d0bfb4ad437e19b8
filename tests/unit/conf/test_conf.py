# SPDX-License-Identifier: Apache-2.0
"""The configuration object: read once, apart from everybody else's, complete in the sample."""

import os
import tempfile
from pathlib import Path
from unittest import mock

from oslo_config import cfg

from nova_pyvirt import conf
from nova_pyvirt.conf import opts
from nova_pyvirt.errors import Code, libvirtError
from tests import base

SAMPLE = Path(__file__).parents[3] / "etc/nova-pyvirt/nova-pyvirt.conf.sample"


class ConfTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.reset()
        self.addCleanup(conf.reset)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name) / "nova-pyvirt.conf"

    def test_named_file_is_read_once(self) -> None:
        self.file.write_text("[jobs]\nwait = 7\n")
        conf.load(str(self.file))
        self.file.write_text("[jobs]\nwait = 8\n")
        conf.load(str(self.file))
        self.assertEqual(7, conf.CONF.jobs.wait)

    def test_missing_file_is_an_error_that_names_it(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            conf.load(str(self.file))
        self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code())
        self.assertIn(str(self.file), str(caught.exception))

    def test_nova_sees_no_option_of_ours(self) -> None:
        self.assertNotIn("qemu", cfg.CONF)

    def test_environment_overrides_the_profile(self) -> None:
        conf.load()
        self.assertEqual("own", conf.paths_profile())
        with mock.patch.dict(os.environ, NOVA_PYVIRT_PATHS="libvirt"):
            self.assertEqual("libvirt", conf.paths_profile())
        with mock.patch.dict(os.environ, NOVA_PYVIRT_PATHS="elsewhere"):
            self.assertRaises(libvirtError, conf.paths_profile)


class SampleTest(base.TestCase):
    def test_sample_has_every_option_with_help(self) -> None:
        sample = SAMPLE.read_text()
        for group, options in opts.list_opts():
            section = sample.split(f"[{group}]\n")[1].split("\n[")[0]
            for option in options:
                assert isinstance(option, cfg.Opt)
                with self.subTest(option=f"{group}.{option.dest}"):
                    self.assertIn(f"#{option.dest} =", section)
                    self.assertTrue(option.help)
