"""From a wall clock to UTC: times that a clock change skips, and times that it shows twice."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final

FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
"""Stands for a start that never was."""
LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for an end that never comes."""

FIRST_REACHED: Final = FIRST_INSTANT + timedelta(days=8)
LAST_REACHED: Final = LAST_INSTANT - timedelta(days=8)
_DAY_MINUTES: Final = 24 * 60
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)
_NOTHING: Final = timedelta()


class WallTime:
    """A time of the wall clock, ready to be found on any day.

    Args:
        minutes: after midnight; from 1440 on it is a time of the next day.

    Attributes:
        once: the time, labelled as UTC: a zone looks at the digits and the fold only, and UTC
            arithmetic needs no second copy.
        again: the same with `fold=1`.
        later: how many days after the day that it is asked for.
        into_day: after midnight, on a day without a clock change.
    """

    __slots__ = ("again", "into_day", "later", "once")

    def __init__(self, minutes: int) -> None:
        self.into_day = minutes * _MINUTE
        days, minutes = divmod(minutes, _DAY_MINUTES)
        self.later = days * _DAY
        self.once = time(minutes // 60, minutes % 60, 0, 0, UTC)
        self.again = time(minutes // 60, minutes % 60, 0, 0, UTC, fold=1)

    def readings(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """The first and the last instant at which the zone's clock shows it on a day."""
        day += self.later
        return _readings(datetime.combine(day, self.once), datetime.combine(day, self.again), zone)

    def shown(self, day: date) -> datetime:
        """What the clock is to show: a date and time without zone."""
        return datetime.combine(day + self.later, self.once).replace(tzinfo=None)


@cache
def wall_time(minutes: int) -> WallTime:
    """The time of the wall clock; one object for all the windows that open or close by it."""
    return WallTime(minutes)


MIDNIGHT: Final = wall_time(0)


def readings(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first and the last instant at which a zone's clock shows a date and time.

    They differ for a time that comes twice. For a time that never comes both are the instant of
    the jump that skips it.

    Args:
        local: what the clock shows, without zone.
        zone: the clock's.

    Returns:
        two instants in UTC.
    """
    shown = local.replace(tzinfo=UTC, fold=0)
    return _readings(shown, shown.replace(fold=1), zone)


def within_reach(instant: datetime) -> datetime:
    """The instant, or the nearest one around which every zone's days can be counted."""
    return min(max(instant, FIRST_REACHED), LAST_REACHED)


def later(instant: datetime, span: timedelta) -> datetime:
    """The instant a span after (or, if negative, before) another, never out of the calendar."""
    try:
        return instant + span
    except OverflowError:
        return FIRST_INSTANT if span < _NOTHING else LAST_INSTANT


def _readings(once: datetime, again: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """As `readings`.

    Args:
        once: what the clock shows, labelled as UTC.
        again: the same with `fold=1`.
        zone: the clock's.
    """
    before = zone.utcoffset(once) or _NOTHING
    after = zone.utcoffset(again) or _NOTHING
    first = once - before
    if before == after:
        return first, first
    last = once - after
    if first < last:
        return first, last
    jump = _jump_between(last, first, zone)
    return jump, jump


def _jump_between(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The instant at which the offset changes: after `low`, and not after `high`."""
    offset = low.astimezone(zone).utcoffset()
    low = low.replace(microsecond=0)
    seconds = -((low - high) // _SECOND)
    while seconds > 1:
        half = seconds // 2
        middle = low + half * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            low, seconds = middle, seconds - half
        else:
            seconds = half
    return low + _SECOND
