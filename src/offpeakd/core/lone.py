"""The quickest answer: one window, and nothing near it that would make an opening another."""

from datetime import datetime, timedelta

from offpeakd.core.occurrences import Recurrence
from offpeakd.core.openings import Opening
from offpeakd.core.standing import Phase, SpansBetween, Standing


def lone_phase(
    recurrence: Recurrence, spans_between: SpansBetween, now: datetime, guard: timedelta
) -> Phase | None:
    """What two openings of a window say of an instant between their starts.

    Args:
        recurrence: the only window; a `weekly` one.
        spans_between: finds the freezes that hold it.
        now: the instant.
        guard: how long before the cutoff a release has to begin.

    Returns:
        None where more has to be looked at: a clock change, a freeze, openings that touch, or one
        to come that admits nothing.
    """
    found = recurrence.around(now)
    if found is None:
        return None
    (start, end), (next_start, next_end) = found
    cutoff, names = recurrence.window.cutoff, (recurrence.window.name,)
    coming = Opening(names, next_start, next_end, next_end - cutoff)
    if not coming.admits(next_start, guard) or spans_between(start, next_end):
        return None
    if end <= now:
        return Phase(end, next_start, Standing(None, coming, None, "window-closed"))
    last_release = end - cutoff
    current, stop = Opening(names, start, end, last_release), last_release - guard
    if now < stop:
        return Phase(start, stop, Standing(current, coming, None, "open"))
    return Phase(stop, end, Standing(current, coming, None, "past-cutoff"))
