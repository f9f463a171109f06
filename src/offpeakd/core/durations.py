"""Durations as people write them: `500ms 90s 45m 4h 3d`, or several units as `1h30m`."""

import re
from datetime import timedelta
from typing import Final

from offpeakd.core.grammar import GrammarError, quoted

LONGEST: Final = timedelta(days=36_500)
"""A century: nothing that waits longer is meant."""

_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SHAPE: Final = re.compile("".join(f"(?:([0-9]{{1,12}}){unit})?" for unit in _UNITS))
_EXAMPLES: Final = "Write a number and a unit, such as 500ms, 90s, 45m, 4h, 3d or 1h30m"


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Args:
        text: whole numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`), the largest unit
            first and each at most once.

    Raises:
        GrammarError: no unit, a negative, a fraction, anything else, or more than a century.
    """
    if text.startswith("-"):
        raise GrammarError(f"negative duration {quoted(text)}", "Write it without the sign")
    if text.isdecimal():
        raise GrammarError(
            f"duration {quoted(text)} has no unit", f"Add a unit: {text[:12]}s, {text[:12]}m"
        )
    found = _SHAPE.fullmatch(text)
    if not text or found is None:
        raise GrammarError(f"expected a duration, got {quoted(text)}", _way_out(text))
    parts = zip(found.groups(), _UNITS.values(), strict=True)
    try:
        total = sum((int(number) * unit for number, unit in parts if number), timedelta())
    except OverflowError:
        total = timedelta.max
    if total > LONGEST:
        raise GrammarError(f"duration {quoted(text)} is too long", "Write at most 36500d")
    return total


def format_duration(duration: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same, to the millisecond.

    Finer parts are dropped. A negative one gets a sign, which `parse_duration` refuses.
    """
    sign = "-" if duration < timedelta() else ""
    rest = abs(duration)
    parts: list[str] = []
    for name, unit in _UNITS.items():
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{name}")
    return sign + "".join(parts) if parts else "0s"


def _way_out(text: str) -> str:
    """The duration that was probably meant, where that can be told."""
    squeezed = re.sub(r"\s+", "", text.lower())
    if squeezed != text and squeezed and _SHAPE.fullmatch(squeezed):
        return f"Write {squeezed}"
    return _EXAMPLES
