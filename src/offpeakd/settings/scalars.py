"""What an unquoted word means: YAML 1.2's core schema, less the numbers no setting has.

YAML 1.2.2, section 10.3.2 (`null true false`, decimal, `0o` and `0x` integers, floats). Left out:
exponents and numbers of more than fifteen digits, so that an id such as `054e292…` or one that
happens to have no letters stays the text it is, and leading zeros, which nobody means as a
number. YAML 1.1's `yes no on off`, octals, base-60 times and dates are text, as in 1.2.
"""

import re
from typing import Final

_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})")
_FRACTION: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})\.[0-9]{0,15}")
_BASED: Final = re.compile(r"0o[0-7]{1,15}|0x[0-9a-fA-F]{1,12}")


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return text
