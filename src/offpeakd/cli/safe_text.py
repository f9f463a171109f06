"""Shows text from elsewhere (names, messages of the cloud) without letting it act on a terminal."""

import unicodedata
from typing import Final

CUT: Final = 120
"""Characters that a foreign text may take in a table or a sentence."""

_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that show nothing, break lines or turn the direction of writing."""


def safe(text: str | None, limit: int = CUT) -> str:
    """The text with control and direction characters written as escapes, and cut.

    Args:
        text: from anywhere; None is shown as nothing.
        limit: characters that are shown at most, the mark of a cut among them.
    """
    if not text:
        return ""
    shown = text[: limit + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_shown(character) for character in shown)
    return shown if len(text) <= limit and len(shown) <= limit else shown[: limit - 1] + "…"


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def display_width(text: str) -> int:
    """Columns of a terminal that the text takes; wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """The text, cut so that it takes no more than so many columns."""
    if display_width(text) <= width:
        return text
    kept = ""
    room = width - 1
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return kept + "…"
