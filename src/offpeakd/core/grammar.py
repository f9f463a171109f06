"""The error of everything that people write as short text: days, times, zones, durations."""

from difflib import get_close_matches


class GrammarError(ValueError):
    """A text that doesn't say what it should.

    Attributes:
        what: what is wrong, without a final full stop.
        fix: how to mend it, as an instruction.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}. {fix}")
        self.what = what
        self.fix = fix


def quoted(text: str) -> str:
    """The text in quotes, escaped, and cut to what fits in a message."""
    longest = 60
    return repr(text if len(text) <= longest else f"{text[:longest]}…")


def nearest(text: str, names: tuple[str, ...]) -> str | None:
    """The name that was probably meant; None where nothing comes close."""
    return next(iter(get_close_matches(text.lower(), names, n=1)), None)
