"""Short words in which the calendar's tests are written, and a clock to check it against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from offpeakd.core.calendar import Calendar, Opening
from offpeakd.core.durations import parse_duration
from offpeakd.core.selectors import (
    parse_dates,
    parse_days,
    parse_local_time,
    parse_moment,
    parse_months,
    parse_yearly,
)
from offpeakd.core.windows import Freeze, Window

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def window(
    times: str,
    *,
    zone: str = "Europe/Berlin",
    name: str = "w",
    days: str = "",
    month_days: tuple[int, ...] = (),
    months: str = "",
    dates: str = "",
    offset: int = 0,
    cutoff: str = "0s",
) -> Window:
    """A window; `times` is `22:00-05:00`, or `22:00 for 4h`."""
    start, _, length = times.partition(" for ")
    start, _, end = start.partition("-")
    return Window(
        name=name,
        zone=zone,
        days=tuple(parse_days(item) for item in days.split()),
        month_days=month_days,
        months=frozenset(month for item in months.split() for month in parse_months(item)),
        dates=tuple(parse_dates(item) for item in dates.split()),
        offset_days=offset,
        start=parse_local_time(start),
        end=parse_local_time(end, end=True) if end else None,
        length=parse_duration(length) if length else None,
        cutoff=parse_duration(cutoff),
    )


def freeze(
    span: str = "",
    *,
    zone: str = "Europe/Berlin",
    name: str = "f",
    yearly: str = "",
    month_days: tuple[int, ...] = (),
    groups: tuple[str, ...] = (),
) -> Freeze:
    """A freeze; `span` is `2026-12-20..2027-01-03`, with times or without."""
    start, _, end = span.partition("..")
    return Freeze(
        name=name,
        reason="because",
        zone=zone,
        start=parse_moment(start) if start else None,
        end=parse_moment(end) if end else None,
        yearly=parse_yearly(yearly) if yearly else None,
        month_days=month_days,
        groups=groups,
    )


def calendar(*parts: Window | Freeze) -> Calendar:
    """A calendar in which every group has every window."""
    windows = {part.name: part for part in parts if isinstance(part, Window)}
    return Calendar(windows, [part for part in parts if isinstance(part, Freeze)], {})


def utc(text: str) -> datetime:
    """`2026-03-29 01:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(openings: Sequence[Opening] | list[Opening]) -> list[str]:
    """Each opening as `03-29 00:00 - 03-29 03:00`, in UTC."""
    return [f"{edge(opening.start)} - {edge(opening.end)}" for opening in openings]


def edge(instant: datetime | None) -> str:
    """`03-29 00:00`, with seconds where there are some."""
    if instant is None:
        return "never"
    return f"{instant:%m-%d %H:%M:%S}" if instant.second else f"{instant:%m-%d %H:%M}"


@dataclass
class PlainClock:
    """A wall clock that is only ever read forward, from UTC to local.

    It knows nothing of `fold` and looks no time up in a gap: it lists the stretches of UTC in
    which a zone's offset stays the same, and says which of them show a time.
    """

    zone: ZoneInfo
    first: date
    last: date
    stretches: list[tuple[datetime, datetime, timedelta]] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = moment = datetime.combine(self.first, datetime.min.time(), UTC) - 3 * DAY
        stop = datetime.combine(self.last, datetime.min.time(), UTC) + 4 * DAY
        while moment < stop:
            offset, following = self._offset(moment), moment + DAY
            if self._offset(following) != offset:
                change = self._first_minute_with_another(offset, moment)
                self.stretches.append((start, change, offset))
                start = change
            moment = following
        self.stretches.append((start, moment, self._offset(moment)))

    def shows(self, local: datetime) -> list[datetime]:
        """The instants, in order, at which the clock shows a time."""
        return [
            instant
            for start, end, offset in self.stretches
            if start <= (instant := (local - offset).replace(tzinfo=UTC)) < end
        ]

    def jump_over(self, local: datetime) -> datetime:
        """The instant at which the clock first shows a later time than this."""
        return next(
            start
            for start, _, offset in self.stretches
            if start.replace(tzinfo=None) + offset > local
        )

    def _offset(self, moment: datetime) -> timedelta:
        offset = moment.astimezone(self.zone).utcoffset()
        assert offset is not None
        return offset

    def _first_minute_with_another(self, offset: timedelta, moment: datetime) -> datetime:
        for hours in range(24):
            if self._offset(moment + (hours + 1) * HOUR) != offset:
                minutes = range(60 * hours, 60 * hours + 61)
                return next(
                    moment + number * MINUTE
                    for number in minutes
                    if self._offset(moment + number * MINUTE) != offset
                )
        raise AssertionError(f"the offset of {self.zone} changes and changes back")
