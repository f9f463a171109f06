"""From runs and freezes to openings: what is cut away, whose cutoff counts, what is odd."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from offpeakd.core.frozen import Span
from offpeakd.core.occurrences import Occurrence
from offpeakd.core.openings import Opening
from offpeakd.core.runs import Run
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT, later


def pieces(run: Run, spans: Sequence[Span]) -> Iterator[Opening]:
    """What freezes leave of a run, in order.

    Args:
        run: the windows.
        spans: the freezes that hold in it, by their starts.
    """
    if not spans:
        yield _opening(run.start, run.end, run.occurrences, ())
        return
    start, members = run.start, run.occurrences
    for span in spans:
        if span.start > start:
            yield _cut(start, min(span.start, run.end), members, run, spans)
        if span.end > start:
            start = span.end
            members = [member for member in members if member.end > start]
        if start >= run.end:
            return
    yield _cut(start, run.end, members, run, spans)


def _cut(
    start: datetime,
    end: datetime,
    members: Sequence[Occurrence],
    run: Run,
    spans: Sequence[Span],
) -> Opening:
    """One piece, with the names of the freezes at whose edges it starts or ends."""
    names = {span.freeze.name for span in spans if span.end == start or span.start == end < run.end}
    inside = [member for member in members if member.start < end]
    return _opening(start, end, inside, tuple(f"cut by freeze {name}" for name in sorted(names)))


def _opening(
    start: datetime, end: datetime, members: Sequence[Occurrence], notes: tuple[str, ...]
) -> Opening:
    last_release = None
    if end != LAST_INSTANT:
        # Windows are alternatives: of those that last until the end, the most permissive counts.
        cutoff = min([member.cutoff for member in members if member.end >= end])
        last_release = later(end, -cutoff)
        if last_release <= start:
            notes = (*notes, "nothing is released: the cutoff takes all of it")
    odd = [member for member in members if member.note]
    return Opening(
        _names(members) if start != FIRST_INSTANT else tuple(sorted(set(_names(members)))),
        None if start == FIRST_INSTANT else start,
        None if end == LAST_INSTANT else end,
        last_release,
        (*_clock_notes(start, end, odd), *notes),
    )


def _names(members: Sequence[Occurrence]) -> tuple[str, ...]:
    if len(members) == 1:
        return (members[0].name,)
    return tuple(dict.fromkeys([member.name for member in members]))


def _clock_notes(start: datetime, end: datetime, odd: Sequence[Occurrence]) -> Iterator[str]:
    """What clock changes do to the windows that the opening starts or ends with."""
    for member in odd:
        if member.start == start or member.end == end:
            whole = member.start == start and member.end == end
            yield member.note if whole else f"{member.name}: {member.note}"
