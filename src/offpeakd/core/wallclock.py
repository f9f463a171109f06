"""From a wall clock to UTC: times that a clock change skips, and times that it shows twice."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
"""Stands for a start that never was."""
LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for an end that never comes."""

_MARGIN: Final = timedelta(days=8)
_SECOND: Final = timedelta(seconds=1)
_NO_OFFSET: Final = timedelta()


def readings(local: datetime) -> tuple[datetime, datetime]:
    """The first and the last instant at which a zone's wall clock shows a time.

    They differ for a time that comes twice. For a time that never comes both are the instant of
    the jump that skips it.

    Args:
        local: the time, with its zone; its `fold` doesn't matter.

    Returns:
        two instants in UTC.
    """
    before = local.replace(fold=0).utcoffset() or _NO_OFFSET
    after = local.replace(fold=1).utcoffset() or _NO_OFFSET
    shown = local.replace(tzinfo=UTC, fold=0)
    if before == after:
        instant = shown - before
        return instant, instant
    if before > after:
        return shown - before, shown - after
    jump = _jump_between(shown - after, shown - before, local.tzinfo)
    return jump, jump


def at_minute(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The time so many minutes after midnight as a day's wall clock counts; 1440 is next day's 0.

    Pure wall-clock arithmetic: nothing is said about how much time passes until then.
    """
    if minutes >= 24 * 60:
        day, minutes = date.fromordinal(day.toordinal() + minutes // (24 * 60)), minutes % (24 * 60)
    return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The time 00:00 of a day."""
    return datetime.combine(day, time(), zone)


def within_reach(instant: datetime) -> datetime:
    """The instant, or the nearest one around which every zone's days can be counted."""
    return min(max(instant, FIRST_INSTANT + _MARGIN), LAST_INSTANT - _MARGIN)


def later(instant: datetime, span: timedelta) -> datetime:
    """The instant a span after (or, if negative, before) another, never out of the calendar."""
    if span < _NO_OFFSET:
        return FIRST_INSTANT if instant - FIRST_INSTANT < -span else instant + span
    return LAST_INSTANT if LAST_INSTANT - instant < span else instant + span


def _jump_between(low: datetime, high: datetime, zone: tzinfo | None) -> datetime:
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
