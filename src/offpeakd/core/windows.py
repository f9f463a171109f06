"""Windows and freezes as written: wall-clock rules in one time zone each, checked as a whole."""

from datetime import date, datetime, time, timedelta
from typing import Final

from offpeakd.core.durations import format_duration
from offpeakd.core.selectors import (
    MOST_OFFSET,
    DateRange,
    DaySelector,
    GrammarError,
    LocalTime,
    YearlyRange,
)
from offpeakd.core.values import value

LONGEST: Final = timedelta(days=31)
"""What `for` may say at the most; `always` says more."""

_NOTHING: Final = timedelta()
_DAY: Final = 24 * 60


@value
class Window:
    """A recurring opening: which days, and from when until when on the wall clock of its zone.

    Every kind of selector that is given has to match; the items of one are alternatives; without
    any, every day matches.

    Attributes:
        name: as configured; unique.
        zone: IANA name; days and times are those of its wall clock.
        days: days of the week on which it opens.
        month_days: days of the month, negative ones counted from the end.
        months: January is 1.
        dates: ranges of dates, ends included.
        offset_days: opens that many days after the day that the selectors choose.
        start: when it opens.
        end: when it closes, excluded; at or before `start` it means the next day.
        length: elapsed time that it stays open; stands instead of `end`.
        cutoff: elapsed time before the end at which releasing stops.
        always: open all the time; nothing but `cutoff` may stand beside it, which then counts
            back from the next freeze.

    Raises:
        GrammarError: the parts do not go together.
    """

    name: str
    zone: str
    days: tuple[DaySelector, ...] = ()
    month_days: tuple[int, ...] = ()
    months: frozenset[int] = frozenset()
    dates: tuple[DateRange, ...] = ()
    offset_days: int = 0
    start: LocalTime | None = None
    end: LocalTime | None = None
    length: timedelta | None = None
    cutoff: timedelta = _NOTHING
    always: bool = False

    def __post_init__(self) -> None:
        if self.cutoff < _NOTHING:
            raise GrammarError("negative cutoff", "Write a duration such as 45m")
        if self.always:
            self._check_always()
            return
        self._check_times()
        if not 0 <= self.offset_days <= MOST_OFFSET:
            raise GrammarError(f"offset of {self.offset_days} days", f"Write 0d to {MOST_OFFSET}d")
        nominal = self.nominal_length
        if nominal is not None and self.cutoff >= nominal:
            raise GrammarError(
                f"cutoff ({format_duration(self.cutoff)}) leaves no time "
                f"in a {format_duration(nominal)} window",
                "Make the cutoff shorter or the window longer",
            )

    @property
    def nominal_length(self) -> timedelta | None:
        """How long it is open on a day without a clock change; None for `always`."""
        if self.length is not None:
            return self.length
        if self.start is None or self.end is None:
            return None
        minutes = self.end.minutes - self.start.minutes
        return timedelta(minutes=minutes if minutes > 0 else minutes + _DAY)

    def _check_always(self) -> None:
        selectors = (self.days, self.month_days, self.months, self.dates, self.offset_days)
        times = (self.start, self.end, self.length)
        if any(selectors) or any(value is not None for value in times):
            raise GrammarError(
                "always stands beside days or times",
                "Keep either always: true or the days and times",
            )

    def _check_times(self) -> None:
        if self.start is None:
            raise GrammarError(
                "no time to open", 'Add from: "22:00" with to or for; always: true never closes'
            )
        if self.start.minutes >= _DAY:
            raise GrammarError("24:00 can only end a window", "Write 00:00 and the day after")
        if (self.end is None) == (self.length is None):
            wrong = "neither to nor for" if self.end is None else "both to and for"
            raise GrammarError(f"{wrong} is given", "Give exactly one of to and for")
        if self.start == self.end:
            raise GrammarError(
                f"empty window: from and to are both {self.start.text}",
                "For a whole day write from 00:00 to 24:00",
            )
        if self.length is not None and not _NOTHING < self.length <= LONGEST:
            raise GrammarError(
                f"a window can't be open for {format_duration(self.length)}",
                f"Write more than 0s and at most {format_duration(LONGEST)}; "
                "always: true never closes",
            )


@value
class Freeze:
    """A span in which nothing is released, whatever the windows say.

    Exactly one of three forms: `start` with `end`, `yearly`, or `month_days`.

    Attributes:
        name: as configured; unique.
        reason: for people.
        zone: IANA name of the wall clock that dates and times are read on.
        start: a date from its first moment on, a time of the zone's wall clock, or an aware
            instant.
        end: a date until its last moment, or a time or instant, which is excluded.
        yearly: whole local days of every year.
        month_days: whole local days of every month, negative ones counted from the end.
        groups: the groups that it holds; empty is every group.

    Raises:
        GrammarError: the parts do not go together.
    """

    name: str
    reason: str
    zone: str
    start: date | datetime | None = None
    end: date | datetime | None = None
    yearly: YearlyRange | None = None
    month_days: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        spanned = self.start is not None or self.end is not None
        if [spanned, self.yearly is not None, bool(self.month_days)].count(True) != 1:
            raise GrammarError(
                "a freeze has exactly one form",
                "Give from with to, or yearly, or month_days, and only one of them",
            )
        if not spanned:
            return
        if self.start is None or self.end is None:
            missing = "from" if self.start is None else "to"
            raise GrammarError(f"{missing} is missing", "Give both from and to")
        _check_order(self.start, self.end)


def _check_order(start: date | datetime, end: date | datetime) -> None:
    """Refuse what is plainly backwards; edges on different clocks compare only when resolved."""
    first = start if isinstance(start, datetime) else datetime.combine(start, time.min)
    last = end if isinstance(end, datetime) else datetime.combine(end, time.max)
    mixed = (first.tzinfo is None) != (last.tzinfo is None)
    if not mixed and last <= first:
        raise GrammarError(f"the freeze ends at {end}, before or as it starts", "Swap from and to")
