# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core import virconf
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

TEXT = r'''
# a comment
number = -12   # behind
text = "back\slash # no comment"; other='it "is"'
long = """one
"two" """
list = [ "a" , 'b',   # of two

  "c", ]
empty = []
text = "the last counts"
'''


class VirconfTest(TestCase):
    def test_values(self) -> None:
        self.assertEqual(
            {
                "number": -12,
                "text": "the last counts",
                "other": 'it "is"',
                "long": 'one\n"two" ',
                "list": ["a", "b", "c"],
                "empty": [],
            },
            virconf.parse(TEXT),
        )
        self.assertEqual({"a": "\\n#"}, virconf.parse(r'a="\n#"'))
        self.assertEqual({}, virconf.parse("# nothing"))

    def test_errors_name_the_line(self) -> None:
        for text, line, what in (
            ("a = 1\nb", 2, "expecting an assignment"),
            ("= 1", 1, "expecting a name"),
            ("a =", 1, "expecting a value"),
            ("a = yes", 1, "expecting a value"),
            ('a = "open\n', 1, "unterminated string"),
            ("a = 1 2", 1, "expecting a separator"),
            ('a = [ "x"\n', 2, "list is not closed"),
            ('a = [ "x" "y" ]', 1, "expecting a separator in list"),
        ):
            with self.assertRaises(libvirtError) as caught:
                virconf.parse(text, "/f")
            self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code())
            self.assertIn(f"/f:{line}: {what}", str(caught.exception), text)

    def test_no_file(self) -> None:
        self.assertEqual({}, virconf.read("/nonexistent/file"))
