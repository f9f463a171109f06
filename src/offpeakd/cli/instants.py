"""Reads an instant as a person writes it: ISO 8601, `2h`, `tomorrow 22:00`, `tue 23:30`."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from offpeakd.core.durations import parse_duration
from offpeakd.core.errors import UsageError
from offpeakd.core.grammar import GrammarError
from offpeakd.core.identifiers import shown

FORMS: Final = "2026-12-01T22:00+01:00, 2026-12-01T21:00Z, 2h, now, tomorrow 22:00 or tue 22:00"
"""What help and errors show as the ways to write an instant."""

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"(today|tomorrow|mon|tue|wed|thu|fri|sat|sun)\s+(\d{1,2}):(\d{2})")
_DURATION: Final = re.compile(r"(?:in\s+|\+)?((?:\d+(?:\.\d+)?\s*[a-z]+\s*)+)")
_WEEK: Final = 7


def parse_when(text: str, now: datetime, zone: str) -> datetime:
    """The instant that a text means.

    Args:
        text: ISO 8601 with an offset or `Z`; a duration from now, such as `2h`; `now`; or a day
            (`today`, `tomorrow`, `mon` to `sun`: the next one) and a time on the zone's clock.
        now: what durations and days count from.
        zone: whose clock a day's time is read from.

    Returns:
        aware UTC.

    Raises:
        UsageError: it is none of these, has no offset, or names a time that the zone's clock
            skips or shows twice on that day.
    """
    plain = text.strip().lower()
    if plain == "now":
        return now
    on_clock = _CLOCK.fullmatch(plain)
    if on_clock:
        return _on_the_clock(text, on_clock, now, zone)
    from_now = _DURATION.fullmatch(plain)
    if from_now:
        return _after(text, from_now[1], now)
    return _iso(text, zone)


def _after(text: str, duration: str, now: datetime) -> datetime:
    try:
        return now + parse_duration(duration.replace(" ", ""))
    except GrammarError as error:
        raise UsageError(f"{shown(text)}: {error.what}", fix=error.fix) from None


def _iso(text: str, zone: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{shown(text)} is no instant", fix=f"Write it as {FORMS}.") from None
    if instant.tzinfo is None:
        raise _naive(text, instant, zone)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise _out_of_range(text) from None


def _naive(text: str, instant: datetime, zone: str) -> UsageError:
    try:
        meant = instant.replace(tzinfo=ZoneInfo(zone)).isoformat(timespec="minutes")
    except OverflowError:
        return _out_of_range(text)
    return UsageError(
        f"{shown(text)} has no offset, so it could mean any zone's time",
        fix=f"Add an offset or Z: {meant} is that time in {zone}.",
    )


def _out_of_range(text: str) -> UsageError:
    return UsageError(f"{shown(text)} lies beyond the years that are known", fix="Look again.")


def _on_the_clock(text: str, found: re.Match[str], now: datetime, zone: str) -> datetime:
    hour, minute = int(found[2]), int(found[3])
    try:
        wall = time(hour, minute)
    except ValueError:
        what = f"{shown(text)}: no clock shows {found[2]}:{found[3]}"
        raise UsageError(what, fix="Write 00:00 to 23:59.") from None
    today = now.astimezone(ZoneInfo(zone)).date()
    if found[1] in _WEEKDAYS:
        days = (_WEEKDAYS.index(found[1]) - today.weekday()) % _WEEK
        instant = _read_clock(text, today + timedelta(days=days), wall, zone)
        if instant > now:
            return instant
        return _read_clock(text, today + timedelta(days=days + _WEEK), wall, zone)
    return _read_clock(text, today + timedelta(days=found[1] == "tomorrow"), wall, zone)


def _read_clock(text: str, day: date, wall: time, zone: str) -> datetime:
    """The one instant at which the zone's clock shows that time on that day."""
    local = datetime.combine(day, wall, ZoneInfo(zone))
    instant = local.astimezone(UTC)
    shown_then = instant.astimezone(ZoneInfo(zone))
    if shown_then.replace(tzinfo=None) != local.replace(tzinfo=None):
        what = f"{shown(text)}: clocks in {zone} go forward over {wall:%H:%M} on {day}"
        raise UsageError(what, fix="Write the instant with an offset or Z.")
    if local.replace(fold=1).utcoffset() != local.utcoffset():
        what = f"{shown(text)}: clocks in {zone} show {wall:%H:%M} twice on {day}"
        raise UsageError(what, fix="Write the instant with an offset or Z.")
    return instant
