# SPDX-License-Identifier: Apache-2.0
"""Checking documents against libvirt's RELAX NG schemas, where they are installed (VALIDATE flags)."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.util.native import os, threading


class Schemas:
    """The schemas of one directory; each is read once, when it is first needed.

    :param directory: where libvirt's \\*.rng files are
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, etree.RelaxNG]] = {}

    def check(self, name: str, root: etree._Element) -> None:
        """
        :param name: of the schema, e.g. "domain.rng"
        :raises libvirtError: XML_INVALID_SCHEMA with all that libxml2 says; CONFIG_UNSUPPORTED
            when the schema isn't here: what was to be checked is not taken unchecked
        """
        path = f"{self._directory}/{name}"
        with self._lock:
            schema = self._get(path)
            if schema.validate(root):
                return
            said = "".join(f"{entry.message}\n" for entry in schema.error_log)
        detail = f"Unable to validate doc against {path}\n{said}"
        raise errors.error(Code.XML_INVALID_SCHEMA, detail, domain=From.XML)

    def _get(self, path: str) -> etree.RelaxNG:
        try:
            changed = os.stat(path).st_mtime_ns
        except OSError as exc:
            detail = f"XML can't be validated: the schema {path} is not installed"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.XML) from exc
        known = self._known.get(path)
        if known is None or known[0] != changed:
            try:
                known = changed, etree.RelaxNG(etree.parse(path))
            except (OSError, etree.LxmlError) as exc:
                detail = f"Unable to parse RNG {path}: {exc}"
                raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.XML) from exc
            self._known[path] = known
        return known[1]
