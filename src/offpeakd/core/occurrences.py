"""One window in UTC: on which days it opens, from which instant until which, and what is odd."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from offpeakd.core.clock_text import length_text
from offpeakd.core.selectors import WEEKDAYS
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT, WallTime
from offpeakd.core.windows import Window
from offpeakd.core.zone_names import zone_of_name

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_NOTHING: Final = timedelta()
FIRST_DAY: Final = date.min.toordinal() + 3
LAST_DAY: Final = date.max.toordinal() - 63
"""Days between which an opening and everything about it can be counted."""


class Occurrence(NamedTuple):
    """One opening of one window, before merging and freezes; orders by start, then name.

    Attributes:
        start: first instant.
        name: the window's.
        end: first instant after it.
        cutoff: the window's.
        note: what a clock change does to it; empty on an ordinary day.
    """

    start: datetime
    name: str
    end: datetime
    cutoff: timedelta
    note: str


class Recurrence:
    """A window with its zone's rules at hand. Immutable.

    Attributes:
        window: as configured.
        zone: its rules.
        overlaps: days before an instant's own local day on which an opening that contains it
            may be due.
        touches: the same for an opening that ends at or after the instant.
    """

    __slots__ = (
        *("_end", "_every_day", "_nominal", "_offset", "_start"),
        *("overlaps", "touches", "window", "zone"),
    )

    def __init__(self, window: Window) -> None:
        self.window = window
        self.zone = zone_of_name(window.zone)
        self._nominal = window.nominal_length or _NOTHING
        self._offset = window.offset_days
        minutes = window.start.minutes if window.start is not None else 0
        self._start = WallTime(minutes)
        if window.length is None:
            # Before its end a clock shows an earlier time than the end's, so an opening that
            # contains an instant began on this local day or, overnight, on the one before. One
            # that touches may lie farther back: a jump moves an end into the next day.
            minutes += self._nominal // _MINUTE
            self._end: WallTime | None = WallTime(minutes)
            self.overlaps, self.touches = minutes // (_DAY // _MINUTE), 2
        else:
            self._end = None
            self.overlaps = self.touches = -(-window.length // _DAY) + 1
        self._every_day = not window.month_days and not window.months and _daily(window)

    def days(self, first: int, last: int) -> list[date]:
        """Days between two ordinals, both included, on which the window is to open."""
        first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
        offset = self._offset
        first, last = first - offset, last - offset
        spans = self._ranges(first, last) if self.window.dates else ((first, last),)
        from_ordinal = date.fromordinal
        found = [from_ordinal(ordinal) for low, high in spans for ordinal in range(low, high + 1)]
        if not self._every_day:
            found = [day for day in found if self._chooses(day)]
        return [day + offset * _DAY for day in found] if offset else found

    def occurrence(self, day: date) -> Occurrence | None:
        """The opening of a day that the window is to open on; None when a jump swallows it."""
        window = self.window
        first_start, start = self._start.readings(day, self.zone)
        if self._end is None:
            note = self._late_note(day, start)
            return Occurrence(start, window.name, start + self._nominal, window.cutoff, note)
        end, last_end = self._end.readings(day, self.zone)
        if first_start is not start and end is not last_end:
            start = first_start
        length = end - start
        if length == self._nominal:
            return Occurrence(start, window.name, end, window.cutoff, "")
        if length <= _NOTHING:
            return None
        return Occurrence(start, window.name, end, window.cutoff, self._length_note(length))

    def due(self, day: date) -> datetime:
        """The instant at which it is to open on a day."""
        return self._start.readings(day, self.zone)[1]

    def between(self, first: int, last: int) -> list[Occurrence]:
        """The openings of the days between two ordinals, both included, in order."""
        found = [self.occurrence(day) for day in self.days(first, last)]
        return [occurrence for occurrence in found if occurrence is not None]

    def _ranges(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Stretches of the given dates, without overlaps."""
        reached = first - 1
        for span in sorted(self.window.dates):
            low = max(span.first.toordinal(), reached + 1)
            high = min(span.last.toordinal(), last)
            if low <= high:
                yield low, high
                reached = high

    def _chooses(self, day: date) -> bool:
        window = self.window
        if window.months and day.month not in window.months:
            return False
        if window.days and not any(selector.matches(day) for selector in window.days):
            return False
        if not window.month_days or day.day in window.month_days:
            return True
        return day.day - monthrange(day.year, day.month)[1] - 1 in window.month_days

    def _length_note(self, real: timedelta) -> str:
        direction = "forward" if real < self._nominal else "back"
        lengths = f"{length_text(real)} instead of {length_text(self._nominal)}"
        return f"{lengths}: clocks go {direction}"

    def _late_note(self, day: date, start: datetime) -> str:
        shown = self._start.shown(day)
        local = start.astimezone(self.zone)
        if local.replace(tzinfo=None) == shown:
            return ""
        return f"opens at {local:%H:%M} instead of {shown:%H:%M}: clocks go forward"


def _daily(window: Window) -> bool:
    """Whether no day of the week is left out; without `days` none is."""
    return not window.days or any(
        selector.nth is None and len(selector.weekdays) == len(WEEKDAYS) for selector in window.days
    )


def unending(window: Window) -> Occurrence:
    """The one opening of a window that is always open."""
    return Occurrence(FIRST_INSTANT, window.name, LAST_INSTANT, window.cutoff, "")
