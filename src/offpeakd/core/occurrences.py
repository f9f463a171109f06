"""One window in UTC: on which days it opens, from which instant until which, and what is odd."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from offpeakd.core.clock_text import length_text
from offpeakd.core.selectors import WEEKDAYS
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT, WallTime, wall_time
from offpeakd.core.windows import Window
from offpeakd.core.zone_names import zone_of_name

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_NOTHING: Final = timedelta()
_combine: Final = datetime.combine
_NO_DAY: Final[frozenset[int]] = frozenset()
_EVERY_DAY: Final = frozenset(range(len(WEEKDAYS)))
FIRST_DAY: Final = date.min.toordinal() + 3
LAST_DAY: Final = date.max.toordinal() - 63
"""Days between which an opening and everything about it can be counted."""


Ends = tuple[datetime, datetime]
"""The first instant of an opening, and the first after it."""


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
        weekly: whether days of the week choose, and nothing else.
        overlaps: days before an instant's own local day on which an opening that contains it
            may be due.
        touches: the same for an opening that ends at or after the instant.
    """

    __slots__ = (
        *("_end", "_nominal", "_offset", "_offset_at", "_start", "_weekdays"),
        *("overlaps", "touches", "weekly", "window", "zone"),
    )

    def __init__(self, window: Window) -> None:
        self.window = window
        self.zone = zone_of_name(window.zone)
        self._offset_at = self.zone.utcoffset
        self._nominal = window.nominal_length or _NOTHING
        self._offset = window.offset_days
        minutes = window.start.minutes if window.start is not None else 0
        self._start = wall_time(minutes)
        if window.length is None:
            # Before its end a clock shows an earlier time than the end's, so an opening that
            # contains an instant began on this local day or, overnight, on the one before. One
            # that touches may lie farther back: a jump moves an end into the next day.
            minutes += self._nominal // _MINUTE
            self._end: WallTime | None = wall_time(minutes)
            self.overlaps, self.touches = minutes // (_DAY // _MINUTE), 2
        else:
            self._end = None
            self.overlaps = self.touches = -(-window.length // _DAY) + 1
        self._weekdays = _weekdays(window)
        self.weekly = bool(self._weekdays and not window.dates and not self._offset)

    def days(self, first: int, last: int) -> list[date]:
        """Days between two ordinals, both included, on which the window is to open."""
        first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
        offset = self._offset
        first, last = first - offset, last - offset
        spans = self._ranges(first, last) if self.window.dates else ((first, last),)
        from_ordinal = date.fromordinal
        found = [from_ordinal(ordinal) for low, high in spans for ordinal in range(low, high + 1)]
        weekdays = self._weekdays
        if not weekdays:
            found = [day for day in found if self._chooses(day)]
        elif weekdays is not _EVERY_DAY:
            found = [day for day in found if day.weekday() in weekdays]
        return [day + offset * _DAY for day in found] if offset else found

    def occurrence(self, day: date) -> Occurrence | None:
        """The opening of a day that the window is to open on; None when a jump swallows it."""
        window = self.window
        ends = self.ordinary(day)
        if ends is not None:
            return Occurrence(ends[0], window.name, ends[1], window.cutoff, "")
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

    def ordinary(self, day: date) -> Ends | None:
        """Start and end on a day whose clock changes at neither; None where it may.

        Each end has one reading then, and both have one offset, so that it is as long as it says.
        A zone hands out one object for one offset.
        """
        start, end, offset_at = self._start, self._end, self._offset_at
        opens = _combine(day, start.once)
        closes = opens + self._nominal
        offset = offset_at(opens)
        if offset is None or offset is not offset_at(_combine(day, start.again)):
            return None
        if end is not None:
            again = _combine(day + end.later, end.again)
            if not offset_at(closes) is offset is offset_at(again):
                return None
        return opens - offset, closes - offset

    def around(self, now: datetime) -> tuple[datetime, datetime, datetime, datetime] | None:
        """Start and end of the last opening to start by an instant, and of the first after it.

        Returns:
            None unless the window is `weekly`, both are ordinary, and no other touches them from
            outside: the first at its start, if it holds at the instant, the second at its end.
        """
        if not self.weekly or not MINYEAR < now.year < MAXYEAR:
            return None
        weekdays, offset_at, now = self._weekdays, self._offset_at, now.astimezone(UTC)
        # The offset may be that of some hours away; whether the days were right is asked below.
        day = (now + (offset_at(now) or _NOTHING) - self._start.into_day).date()
        following = day + _DAY
        while day.weekday() not in weekdays:
            day -= _DAY
        while following.weekday() not in weekdays:
            following += _DAY
        last, coming = self.ordinary(day), self.ordinary(following)
        if last is None or coming is None or not last[0] <= now < coming[0]:
            return None
        # A time that a jump skips is read before the jump with `fold=1`: never too late.
        again = _combine(following + _DAY, self._start.again)
        if again - (offset_at(again) or _NOTHING) <= coming[1]:
            return None
        if last[1] > now:
            earlier = self.ordinary(day - _DAY)
            if earlier is None or earlier[1] >= last[0]:
                return None
        return *last, *coming

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


def _weekdays(window: Window) -> frozenset[int]:
    """The days of the week on which it opens; none where it asks more of a day than that."""
    if window.month_days or window.months:
        return _NO_DAY
    if not window.days:
        return _EVERY_DAY
    found = _NO_DAY
    for selector in window.days:
        if selector.nth is not None:
            return _NO_DAY
        found |= selector.weekdays
    return _EVERY_DAY if found == _EVERY_DAY else found


def unending(window: Window) -> Occurrence:
    """The one opening of a window that is always open."""
    return Occurrence(FIRST_INSTANT, window.name, LAST_INSTANT, window.cutoff, "")
