"""From bytes to text: what every configuration file has to be before it is parsed."""

import re
from typing import Final

from offpeakd.core.errors import Problem

LARGEST: Final = 256 * 1024
"""Bytes a file may have. A configuration of 4,000 windows fits."""

_BOM: Final = b"\xef\xbb\xbf"
_UNPRINTABLE: Final = r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_AROUND_LINES: Final = str.maketrans("", "", "\t\n\r")
_TAB_IN_INDENTATION: Final = re.compile(r"^ *\t", re.MULTILINE)


class UnreadableError(Exception):
    """A file that can't be parsed at all.

    Attributes:
        problem: why.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def decode(raw: bytes, name: str) -> str:
    """The text of a file.

    Args:
        raw: its bytes; one more than `LARGEST` are enough to see that it is too large.
        name: the file, as the user named it.

    Raises:
        UnreadableError: too large, not UTF-8, or with characters no text has.
    """
    if len(raw) > LARGEST:
        raise UnreadableError(
            Problem(
                name, 0, 0, "", "the file is larger than 256 KiB",
                "Keep windows and freezes here; instances are queued with `offpeakd add`.",
            )
        )  # fmt: skip
    body = raw.removeprefix(_BOM)
    skipped = len(raw) - len(body)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        what = f"not UTF-8 at byte {skipped + error.start + 1}"
        fix = "Save the file as UTF-8."
        raise UnreadableError(Problem(name, line, column, "", what, fix)) from None
    _refuse_unprintable(text, name, skipped)
    return text


def _refuse_unprintable(text: str, name: str, skipped: int) -> None:
    # Compiling the expression takes longer than anything else here, and most texts show at once
    # that it would find nothing: every printable character is among those that it admits.
    plain = text.translate(_AROUND_LINES).isprintable()
    found = None if plain else re.search(_UNPRINTABLE, text)
    if found:
        byte = skipped + len(text[: found.start()].encode()) + 1
        kind = "a NUL byte" if found[0] == "\0" else f"the control character {ord(found[0]):#04x}"
        raise UnreadableError(
            Problem(
                name, *position(text, found.start()), "", f"{kind} at byte {byte}",
                "Remove it; the file may be damaged or may not be a text file.",
            )
        )  # fmt: skip
    tab = _TAB_IN_INDENTATION.search(text)
    if tab:
        raise UnreadableError(tab_problem(name, *position(text, tab.end() - 1)))


def tab_problem(name: str, line: int, column: int) -> Problem:
    """The problem of a tab where YAML wants spaces."""
    what = "tabs are not allowed"
    return Problem(name, line, column, "", what, "Use spaces, two for each level.")


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, both counted from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
