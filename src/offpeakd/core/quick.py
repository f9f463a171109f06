"""The quickest answer: a few windows whose openings near an instant lie apart from each other."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.occurrences import Recurrence
from offpeakd.core.openings import Opening
from offpeakd.core.standing import Phase, SpansBetween, Standing
from offpeakd.core.wallclock import FIRST_INSTANT

_FEW: Final = 8
"""Of more windows some are likely to overlap."""

_Near = tuple[datetime, str, datetime, timedelta]
"""Start, name, end and cutoff of an opening."""


def quick_phase(
    recurrences: Sequence[Recurrence], spans_between: SpansBetween, now: datetime, guard: timedelta
) -> Phase | None:
    """What the openings on either side of an instant say of it, where nothing else matters.

    Args:
        recurrences: the windows.
        spans_between: finds the freezes that hold them.
        now: the instant.
        guard: how long before the cutoff a release has to begin.

    Returns:
        None where more has to be looked at: a window that isn't `weekly`, a clock change, openings
        that touch, a freeze, or one to come that admits nothing.
    """
    found = _either_side(recurrences, now)
    if found is None:
        return None
    (start, name, end, cutoff), (next_start, next_name, next_end, next_cutoff) = found
    next_last_release = next_end - next_cutoff
    if next_start + guard >= next_last_release or spans_between(start, next_end):
        return None
    coming = Opening((next_name,), next_start, next_end, next_last_release)
    if end <= now:
        return Phase(end, next_start, Standing(None, coming, None, "window-closed"))
    last_release = end - cutoff
    current, stop = Opening((name,), start, end, last_release), last_release - guard
    if now < stop:
        return Phase(start, stop, Standing(current, coming, None, "open"))
    return Phase(max(start, stop), end, Standing(current, coming, None, "past-cutoff"))


def _either_side(recurrences: Sequence[Recurrence], now: datetime) -> Sequence[_Near] | None:
    """The last opening to start by an instant and the next one, of all windows.

    Each window's own two are enough, where all of them lie apart: what started earlier has ended
    earlier, and what starts later comes later.
    """
    if not 0 < len(recurrences) <= _FEW:
        return None
    near: list[_Near] = []
    for recurrence in recurrences:
        found = recurrence.around(now)
        if found is None:
            return None
        start, end, next_start, next_end = found
        name, cutoff = recurrence.window.name, recurrence.window.cutoff
        near += ((start, name, end, cutoff), (next_start, name, next_end, cutoff))
    if len(recurrences) == 1:
        [last, coming] = near
        return near if last[2] < coming[0] else None
    near.sort()
    reached = FIRST_INSTANT
    for start, _, end, _ in near:
        if start <= reached:
            return None
        reached = end
    return near[len(recurrences) - 1 : len(recurrences) + 1]
