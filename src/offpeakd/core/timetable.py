"""The openings of one set of windows under one set of freezes, with the last answers kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.absences import Skipped, absences
from offpeakd.core.frozen import FrozenSpans, Span
from offpeakd.core.occurrences import Occurrence, Recurrence
from offpeakd.core.openings import Opening
from offpeakd.core.pieces import pieces
from offpeakd.core.quick import quick_phase
from offpeakd.core.runs import EXTENT, runs
from offpeakd.core.standing import HORIZON, Phase, Stretch, admits_ever
from offpeakd.core.wallclock import later

_BEFORE: Final = timedelta(hours=1)
_FIRST_GROWTH: Final = timedelta(hours=6)
_GROWTH: Final = 4
_MOST_GUARDS: Final = 8
_NOTHING: Final = timedelta()


class Timetable:
    """What the groups that share windows and freezes have in common.

    Attributes:
        stretches: the answers kept, by guard. One each, and each reaches 500 days at the most, so
            a daemon that runs for years keeps no more than one that runs for a day.
    """

    __slots__ = ("_always", "_frozen", "_recurrences", "stretches")

    def __init__(
        self,
        recurrences: Sequence[Recurrence],
        always: Sequence[Occurrence],
        frozen: Sequence[FrozenSpans],
    ) -> None:
        self._recurrences = recurrences
        self._always = always
        self._frozen = frozen
        self.stretches: dict[timedelta, Stretch | Phase] = {}

    def spans(self, start: datetime, end: datetime) -> list[Span]:
        """The freezes that hold at some instant from `start` to `end`, both included, by start."""
        if not self._frozen:
            return []
        found = [span for part in self._frozen for span in part.holding(start, end)]
        found.sort()
        return found

    def openings(self, since: datetime, until: datetime) -> Iterator[Opening]:
        """Every opening that overlaps `[since, until)`, in order."""
        if until <= since:
            return
        earliest, latest = later(since, -EXTENT), later(until, EXTENT)
        for run in runs(self._recurrences, self._always, since, until):
            spans = self.spans(max(run.start, earliest), min(run.end, latest))
            for opening in pieces(run, spans):
                if opening.start is not None and opening.start >= until:
                    return
                if opening.end is None or opening.end > since:
                    yield opening

    def skipped(self, since: datetime, until: datetime) -> list[Skipped]:
        """Every day on which a window is to open and doesn't, in order."""
        return sorted(
            found
            for recurrence in self._recurrences
            for found in absences(recurrence, since, until, self.spans)
        )

    def stretch(self, now: datetime, guard: timedelta) -> Stretch | Phase:
        """Make and keep the answers for a stretch of time around an instant.

        The first one reaches to the next opening, which is quick. One near what is kept reaches
        four times as far: somebody goes from answer to answer.
        """
        kept = self.stretches.get(guard)
        span = _NOTHING if kept is None else _span_near(kept, now)
        made: Stretch | Phase | None = None
        if not span and not self._always:
            made = quick_phase(self._recurrences, self.spans, now, guard)
        if made is None:
            made = self._laid_out(now, span, guard)
        if len(self.stretches) >= _MOST_GUARDS:
            self.stretches = {}
        self.stretches[guard] = made
        return made

    def _laid_out(self, now: datetime, span: timedelta, guard: timedelta) -> Stretch:
        """The answers from somewhat before an instant to the first opening after a span."""
        since, reach = later(now, -_BEFORE - span / 4), later(now, span)
        until = later(reach, _BEFORE)
        found: list[Opening] = []
        for opening in self.openings(since, later(until, HORIZON)):
            found.append(opening)
            if opening.start is not None and opening.start > reach and admits_ever(opening, guard):
                until = opening.start
                break
        return Stretch((since, until), span, guard, found, self.spans)


def _span_near(kept: Stretch | Phase, now: datetime) -> timedelta:
    """How far ahead to look; no farther than need be, far from what is kept."""
    span = min(max(kept.span * _GROWTH, _FIRST_GROWTH), HORIZON)
    near = later(kept.since, -span) <= now <= later(kept.until, span)
    return span if near else _NOTHING
