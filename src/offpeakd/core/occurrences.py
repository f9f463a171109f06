"""One window in UTC: on which days it opens, from which instant until which, and what is odd."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from offpeakd.core.clock_text import length_text
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT, at_minute, readings
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

    __slots__ = ("_every_day", "_nominal", "_start", "overlaps", "touches", "window", "zone")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.zone = zone_of_name(window.zone)
        self._nominal = window.nominal_length or _NOTHING
        self._start = window.start.minutes if window.start is not None else 0
        # Before its end a wall clock shows an earlier time than the end's, so `to` reaches back
        # by its own days only. A jump that skips a day's end moves an end into the next day.
        if window.length is None:
            self.overlaps = (self._start + self._nominal // _MINUTE) // (_DAY // _MINUTE)
            self.touches = 2
        else:
            self.overlaps = self.touches = -(-window.length // _DAY) + 1
        self._every_day = not (window.days or window.month_days or window.months)

    def days(self, first: int, last: int) -> Iterator[date]:
        """Days between two ordinals, both included, on which the window is to open."""
        first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
        offset = self.window.offset_days
        for low, high in self._ranges(first - offset, last - offset):
            for ordinal in range(low, high + 1):
                day = date.fromordinal(ordinal)
                if self._every_day or self._chooses(day):
                    yield date.fromordinal(ordinal + offset) if offset else day

    def occurrence(self, day: date) -> Occurrence | None:
        """The opening of a day that the window is to open on; None when a jump swallows it."""
        window = self.window
        first_start, last_start = readings(at_minute(day, self._start, self.zone))
        if window.end is None:
            note = self._late_note(day, last_start)
            return Occurrence(
                last_start, window.name, last_start + self._nominal, window.cutoff, note
            )
        stop = self._start + self._nominal // _MINUTE
        first_end, last_end = readings(at_minute(day, stop, self.zone))
        both_twice = first_start < last_start and first_end < last_end
        start = first_start if both_twice else last_start
        if start >= first_end:
            return None
        note = ""
        if first_end - start != self._nominal:
            note = self._length_note(first_end - start)
        return Occurrence(start, window.name, first_end, window.cutoff, note)

    def due(self, day: date) -> datetime:
        """The instant at which it is to open on a day."""
        return readings(at_minute(day, self._start, self.zone))[1]

    def between(self, first: int, last: int) -> Iterator[Occurrence]:
        """The openings of the days between two ordinals, both included."""
        for day in self.days(first, last):
            found = self.occurrence(day)
            if found is not None:
                yield found

    def _ranges(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Stretches of days worth looking at, without overlaps."""
        if not self.window.dates:
            yield first, last
            return
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
        local = start.astimezone(self.zone)
        if local.date() == day and local.hour * 60 + local.minute == self._start:
            return ""
        return f"opens at {local:%H:%M} instead of {at_minute(day, self._start, self.zone):%H:%M}: clocks go forward"


def unending(window: Window) -> Occurrence:
    """The one opening of a window that is always open."""
    return Occurrence(FIRST_INSTANT, window.name, LAST_INSTANT, window.cutoff, "")
