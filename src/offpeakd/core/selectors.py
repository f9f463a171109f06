"""The short texts that choose days and times: `mon-thu`, `sat#2`, `nov-feb`, `22:30`, dates."""

import re
from calendar import monthrange
from datetime import date, datetime
from typing import Final

from offpeakd.core.grammar import GrammarError, nearest, quoted
from offpeakd.core.values import ordered_value, value
from offpeakd.core.zone_names import parse_zone

__all__ = [
    "DateRange",
    "DaySelector",
    "GrammarError",
    "LocalTime",
    "YearlyRange",
    "parse_dates",
    "parse_days",
    "parse_local_time",
    "parse_moment",
    "parse_month_day",
    "parse_months",
    "parse_offset",
    "parse_yearly",
    "parse_zone",
]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
MOST_OFFSET: Final = 31
"""Days that a window may open after the day that its selectors choose."""

_DAY_MINUTES: Final = 24 * 60
_LEAP_YEAR: Final = 2000

# As text: `re` compiles what a configuration needs, and keeps it.
_TIME: Final = r"([0-9]{2}):([0-9]{2})"
_DATE: Final = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_MONTH_DAY: Final = r"([0-9]{2})-([0-9]{2})"
_DATE_TIME: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NTH: Final = r"-?0?[1-5]"


@value
class DaySelector:
    """Days of the week, or one counted weekday of the month.

    Attributes:
        weekdays: Monday is 0.
        nth: 2 is the second such day of a month, -1 the last; None is every one.
    """

    weekdays: frozenset[int]
    nth: int | None = None

    def matches(self, day: date) -> bool:
        """Whether the day is one of them."""
        if day.weekday() not in self.weekdays:
            return False
        if self.nth is None:
            return True
        if self.nth > 0:
            return (day.day - 1) // 7 + 1 == self.nth
        return (monthrange(day.year, day.month)[1] - day.day) // 7 + 1 == -self.nth


@ordered_value
class DateRange:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


@value
class YearlyRange:
    """The same days of every year as (month, day), both included; may run over New Year."""

    first: tuple[int, int]
    last: tuple[int, int]


@ordered_value
class LocalTime:
    """A time of the wall clock in minutes after midnight: 0 to 1440, where 1440 is `24:00`."""

    minutes: int

    @property
    def text(self) -> str:
        """As written: `22:30`."""
        return f"{self.minutes // 60:02}:{self.minutes % 60:02}"


def parse_days(text: str) -> DaySelector:
    """Read one item of `days`: `mon`, `mon-thu`, `sat-mon`, `daily`, `sat#2`, `fri#-1`.

    Raises:
        GrammarError: a number, a misspelt name, a count that no month has.
    """
    lowered = text.lower()
    if lowered == "daily":
        return DaySelector(frozenset(range(7)))
    name, hash_sign, count = lowered.partition("#")
    if hash_sign:
        return DaySelector(frozenset({_index(name, WEEKDAYS, "weekday")}), _parse_nth(text, count))
    return DaySelector(frozenset(_name_range(lowered, WEEKDAYS, "weekday")))


def parse_months(text: str) -> frozenset[int]:
    """Read one item of `months`: `jan`, `jan-oct`, `nov-feb`. January is 1.

    Raises:
        GrammarError: a number or a misspelt name.
    """
    return frozenset(index + 1 for index in _name_range(text.lower(), MONTHS, "month"))


def parse_month_day(number: int) -> int:
    """Check one item of `month_days`: 1 to 31, or -1 (the last day) to -31.

    Raises:
        GrammarError: anything else.
    """
    if isinstance(number, bool) or not 1 <= abs(number) <= 31:  # noqa: PLR2004 - days of a month
        raise GrammarError(
            f"no month has a day {number}", "Write 1 to 31, or -1 to -31 counted from the end"
        )
    return number


def parse_dates(text: str) -> DateRange:
    """Read one item of `dates`: `2026-12-28`, or `2026-12-28..2026-12-30`, ends included.

    Raises:
        GrammarError: not a date, or a range that runs backwards.
    """
    left, dots, right = text.partition("..")
    first = _parse_date(left, text)
    last = _parse_date(right, text) if dots else first
    if last < first:
        raise GrammarError(f"{quoted(text)} ends before it starts", f"Write {last}..{first}")
    return DateRange(first, last)


def parse_yearly(text: str) -> YearlyRange:
    """Read a span of every year: `11-01..11-12`, `12-20..01-05`, or one day as `12-24`.

    Raises:
        GrammarError: not two days of the year as `MM-DD`.
    """
    left, dots, right = text.partition("..")
    first = _parse_month_and_day(left, text)
    return YearlyRange(first, _parse_month_and_day(right, text) if dots else first)


def parse_local_time(text: str, *, end: bool = False) -> LocalTime:
    """Read `HH:MM`.

    Args:
        text: two digits each.
        end: whether it ends a window: only then may it be `24:00`.

    Raises:
        GrammarError: another form, or a time that no day has.
    """
    found = re.fullmatch(_TIME, text)
    if found is None:
        raise GrammarError(f"expected HH:MM, got {quoted(text)}", _time_meant(text))
    hour, minute = int(found.group(1)), int(found.group(2))
    minutes = hour * 60 + minute
    if hour == 24 and minute:  # noqa: PLR2004 - the hour that has one minute only
        raise GrammarError("hour 24 only as 24:00", "Write 24:00 for the end of the day")
    if minutes > _DAY_MINUTES or minute > 59:  # noqa: PLR2004 - minutes of an hour
        raise GrammarError(f"no day has a time {text}", "Write 00:00 to 23:59, or 24:00 as an end")
    if minutes == _DAY_MINUTES and not end:
        raise GrammarError("24:00 can only end a window", "Write 00:00 and the day after")
    return LocalTime(minutes)


def parse_moment(text: str) -> date | datetime:
    """Read the edge of a freeze: `2026-12-20`, `2026-11-27T08:00`, or that with an offset or `Z`.

    Returns:
        a date; a datetime without zone, which is a time of the freeze's own wall clock; or an
        aware datetime.

    Raises:
        GrammarError: neither.
    """
    if re.fullmatch(_DATE, text):
        return _parse_date(text, text)
    if re.fullmatch(_DATE_TIME, text):
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise GrammarError(
                f"{quoted(text)} does not exist: {error}", "Write a real date and time"
            ) from error
    raise GrammarError(
        f"expected a date or a date with a time, got {quoted(text)}",
        "Write 2026-12-20, 2026-12-20T08:00 or 2026-12-20T08:00+01:00",
    )


def parse_offset(text: str) -> int:
    """Read a window's `offset` in whole days: `0d` to `31d`.

    Raises:
        GrammarError: another unit, a negative, or more than 31 days.
    """
    if not re.fullmatch(r"[0-9]{1,3}d", text) or int(text[:-1]) > MOST_OFFSET:
        raise GrammarError(
            f"expected whole days, got {quoted(text)}", f"Write 0d to {MOST_OFFSET}d, such as 1d"
        )
    return int(text[:-1])


def _name_range(lowered: str, names: tuple[str, ...], kind: str) -> list[int]:
    """Positions from one name to another, over the end of the list where need be."""
    left, dash, right = lowered.partition("-")
    first = _index(left, names, kind)
    if not dash:
        return [first]
    last = _index(right, names, kind)
    if first == last:
        raise GrammarError(
            f"{quoted(lowered)} starts and ends with the same {kind}",
            f"Write {left} for that one" + ("; daily for all" if kind == "weekday" else ""),
        )
    count = (last - first) % len(names) + 1
    return [(first + step) % len(names) for step in range(count)]


def _index(name: str, names: tuple[str, ...], kind: str) -> int:
    if name in names:
        return names.index(name)
    if re.fullmatch(r"[+-]?[0-9]+", name):
        raise GrammarError(
            f"{kind} by number: {quoted(name)}",
            f"Write a name such as {names[0]}: systems number them differently",
        )
    if re.search(r"[,; ]", name.strip()):
        raise GrammarError(
            f"expected one {kind} or a range, got {quoted(name)}",
            f"Write a list: [{names[0]}, {names[2]}]",
        )
    stem = name.strip()
    meant = nearest(stem[:3], names) or nearest(stem, names)
    fix = f"Did you mean {meant}?" if meant else f"Write one of {', '.join(names)}"
    raise GrammarError(f"unknown {kind} {quoted(name)}", fix)


def _parse_nth(text: str, count: str) -> int:
    if not re.fullmatch(_NTH, count):
        raise GrammarError(
            f"no month has the weekday {quoted(text)}",
            "Count from 1 to 5, or from the end with -1 to -5, such as sat#2 or fri#-1",
        )
    return int(count)


def _parse_date(text: str, whole: str) -> date:
    found = re.fullmatch(_DATE, text)
    if found is None:
        raise GrammarError(
            f"expected a date, got {quoted(whole)}", "Write 2026-12-28 or 2026-12-28..2026-12-30"
        )
    year, month, day = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError as error:
        raise GrammarError(f"{text} does not exist: {error}", "Write a real date") from error


def _parse_month_and_day(text: str, whole: str) -> tuple[int, int]:
    found = re.fullmatch(_MONTH_DAY, text)
    if found is None:
        raise GrammarError(
            f"expected days of the year, got {quoted(whole)}",
            "Write month and day as 11-01..11-12, or one day as 12-24",
        )
    month, day = int(found.group(1)), int(found.group(2))
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError as error:
        raise GrammarError(f"{text} is no day of any year: {error}", "Write MM-DD") from error
    return month, day


def _time_meant(text: str) -> str:
    """The time that was probably meant: `9:30`, `2am`, `21.15`, `2200`."""
    found = re.fullmatch(
        r"([0-9]{1,2})(?:[:.hH]?([0-9]{2}))?(?::00)?\s*([aApP])?\.?(?:[mM]\.?)?", text.strip()
    )
    if found is None:
        return 'Write the time in quotes as "22:30"'
    hour, minute = int(found.group(1)), int(found.group(2) or 0)
    half = (found.group(3) or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59:  # noqa: PLR2004 - the last time of a day
        return 'Write the time in quotes as "22:30"'
    return f'Write "{hour:02}:{minute:02}"'
