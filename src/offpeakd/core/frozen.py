"""A freeze in UTC: the spans in which it holds, read as widely as the clocks allow."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple

from offpeakd.core.selectors import YearlyRange
from offpeakd.core.wallclock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    MIDNIGHT,
    later,
    readings,
)
from offpeakd.core.windows import Freeze
from offpeakd.core.zone_names import zone_of_name

_DAY: Final = timedelta(days=1)
_SLACK: Final = timedelta(days=2)
_MOST_KEPT: Final = 256


class Span(NamedTuple):
    """One stretch of a freeze, half-open; orders by start, then end, then place.

    Attributes:
        start: first instant.
        end: first instant after it.
        place: position of the freeze in the configuration.
        freeze: whose.
    """

    start: datetime
    end: datetime
    place: int
    freeze: Freeze


class FrozenSpans:
    """A freeze with its zone's rules at hand."""

    __slots__ = ("_kept", "_once", "_place", "_zone", "freeze")

    def __init__(self, freeze: Freeze, place: int) -> None:
        self.freeze = freeze
        self._place = place
        self._zone = zone_of_name(freeze.zone)
        self._kept: dict[tuple[int, int], tuple[Span, ...]] = {}
        self._once: tuple[Span, ...] = tuple(self._from_to())

    def holding(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Its spans that hold at some instant from `start` to `end`, both included, in order."""
        for span in self._near(start, end):
            if span.start <= end and start < span.end:
                yield span

    def _near(self, start: datetime, end: datetime) -> Iterable[Span]:
        """Its spans of every year, or month, that an interval is near to."""
        yearly = self.freeze.yearly is not None
        if not yearly and not self.freeze.month_days:
            return self._once
        first, last = later(start, -_SLACK), later(end, _SLACK)
        if yearly:
            periods = [(year, 0) for year in range(first.year, last.year + 1)]
        else:
            periods = _months(first, last)
        return chain.from_iterable(self._period(year, month) for year, month in periods)

    def _period(self, year: int, month: int) -> tuple[Span, ...]:
        """The spans of one year, or of one month of it; resolved once and kept."""
        found = self._kept.get((year, month))
        if found is None:
            runs = (
                _runs_of_month(self.freeze.month_days, year, month)
                if self.freeze.yearly is None
                else _runs_of_year(self.freeze.yearly, year)
            )
            found = tuple(self._days(first, last) for first, last in runs)
            if len(self._kept) >= _MOST_KEPT:
                self._kept = {}
            self._kept[year, month] = found
        return found

    def _from_to(self) -> Iterator[Span]:
        start, end = self.freeze.start, self.freeze.end
        if start is None or end is None:
            return
        first = self._instant(start)[0] if isinstance(start, datetime) else self._from_day(start)
        last = self._instant(end)[1] if isinstance(end, datetime) else self._to_day(end)
        if first < last:
            yield Span(first, last, self._place, self.freeze)

    def _instant(self, edge: datetime) -> tuple[datetime, datetime]:
        """The earliest and the latest reading of a time; an aware one has but one."""
        if edge.tzinfo is None:
            return readings(edge, self._zone)
        return edge.astimezone(UTC), edge.astimezone(UTC)

    def _from_day(self, day: date) -> datetime:
        if day - date.min < _SLACK:
            return FIRST_INSTANT
        return MIDNIGHT.readings(day, self._zone)[0]

    def _to_day(self, day: date) -> datetime:
        if date.max - day < _SLACK:
            return LAST_INSTANT
        return MIDNIGHT.readings(day + _DAY, self._zone)[1]

    def _days(self, first: date, last: date) -> Span:
        """Whole local days, the last one included."""
        return Span(self._from_day(first), self._to_day(last), self._place, self.freeze)


def _runs_of_year(yearly: YearlyRange, year: int) -> Iterator[tuple[date, date]]:
    """First and last days; two runs where it goes over New Year."""
    if yearly.first <= yearly.last:
        parts = [(yearly.first, yearly.last)]
    else:
        parts = [((1, 1), yearly.last), (yearly.first, (12, 31))]
    for first, last in parts:
        run = _on_or_after(year, *first), _on_or_before(year, *last)
        if run[0] <= run[1]:
            yield run


def _runs_of_month(
    month_days: tuple[int, ...], year: int, month: int
) -> Iterator[tuple[date, date]]:
    """Each chosen day that the month has, as a run of its own."""
    length = monthrange(year, month)[1]
    numbers = {number if number > 0 else length + 1 + number for number in month_days}
    for number in sorted(numbers):
        if 1 <= number <= length:
            yield date(year, month, number), date(year, month, number)


def frozen_until(spans: Sequence[Span], now: datetime) -> datetime | None:
    """When the freezes that hold at an instant, and those that follow without a gap, end.

    Args:
        spans: in the order of their starts.
        now: the instant.

    Returns:
        None when none holds.
    """
    until = None
    for span in spans:
        if span.start <= (until or now) and (until or now) < span.end:
            until = span.end
    return until


def _on_or_after(year: int, month: int, day: int) -> date:
    """The day, or 1 March for the 29 February that a year lacks."""
    return date(year, month, day) if _exists(year, month, day) else date(year, 3, 1)


def _on_or_before(year: int, month: int, day: int) -> date:
    """The day, or 28 February for the 29 February that a year lacks."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def _exists(year: int, month: int, day: int) -> bool:
    return day <= monthrange(year, month)[1]


def _months(first: datetime, last: datetime) -> list[tuple[int, int]]:
    low, high = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [(number // 12, number % 12 + 1) for number in range(low, high + 1)]
