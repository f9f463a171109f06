"""How messages name a value: never a secret, never more than a line."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from offpeakd.core.identifiers import shown

_SHORTEST_KEY: Final = 20
_KEY_LIKE: Final = re.compile(rf"[A-Za-z0-9+/=_-]{{{_SHORTEST_KEY},}}")
_KIND_WORDS: Final[Mapping[type, str]] = {
    type(None): "nothing",
    list: "a list",
    tuple: "a list",
    dict: "a map",
}
_KINDS: Final = (re.compile("[A-Z]"), re.compile("[0-9]"))


class SettingError(ValueError):
    """A value that breaks a rule of its setting.

    Attributes:
        what: what is wrong, without a final full stop.
        fix: how to mend it, as an instruction.
        key: the key at fault, when the error is about the map that has it.
    """

    def __init__(self, what: str, fix: str, *, key: str = "") -> None:
        super().__init__(f"{what}. {fix}")
        self.what = what
        self.fix = fix
        self.key = key


def looks_like_key(text: str) -> bool:
    """Whether a text may be an access key, a secret key or a token rather than a name.

    Access keys are 20 capitals and digits, secret keys 40 letters and digits, tokens longer:
    one word of at least 20 characters that has a capital and a digit, and no dot.
    """
    if not _KEY_LIKE.fullmatch(text) or text.startswith("/"):
        return False
    return all(kind.search(text) for kind in _KINDS)


def named(value: object) -> str:
    """A value as messages name it: text in quotes, cut, and hidden where it may be a key."""
    if isinstance(value, str):
        return "a text that looks like a key" if looks_like_key(value) else shown(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    return _KIND_WORDS.get(type(value), type(value).__name__)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word, or the list of them all."""
    choices = sorted(known)
    near = get_close_matches(word.lower().replace("-", "_"), choices, n=1, cutoff=0.6)
    near = near or get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known are {', '.join(choices)}." if choices else "There are none."
