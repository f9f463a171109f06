"""Instants and distances as people read them, and as scripts do."""

from datetime import UTC, datetime, timedelta
from typing import Final

from offpeakd.core.zone_names import zone_of_name

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NEAR: Final = timedelta(days=6)
_NOTHING: Final = timedelta()


def both_clocks(instant: datetime, zone: str, now: datetime) -> str:
    """An instant on the wall clock of a zone and in UTC, with its distance.

    `Tue 23:00 CET (22:00Z), in 6 h 12 m`. The date stands there for what is past or more than
    six days away, and the day of the UTC time where it is another one. Seconds are dropped.

    Args:
        instant: what is shown, aware.
        zone: name of the zone whose wall clock is shown.
        now: what the distance counts from, aware.
    """
    local = instant.astimezone(zone_of_name(zone))
    utc = instant.astimezone(UTC)
    ahead = instant - now
    day = _WEEKDAYS[local.weekday()]
    if not _NOTHING <= ahead <= _NEAR:
        day = f"{day} {local.date().isoformat()}"
    other_day = "" if utc.date() == local.date() else f"{_WEEKDAYS[utc.weekday()]} "
    clocks = f"{day} {local:%H:%M} {_zone_text(local)} ({other_day}{utc:%H:%M}Z)"
    return f"{clocks}, {_ahead_text(ahead)}"


def distance(span: timedelta) -> str:
    """A span in its two largest units, rounded down: `6 h 12 m`, `45 s`, `3 d 4 h`.

    A negative span reads as its length.
    """
    seconds = abs(span) // timedelta(seconds=1)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    days, minutes = divmod(seconds // 60, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m")]
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return _joined(parts[first : first + 2])


def length_text(span: timedelta) -> str:
    """A length in full, to the second: `3 h`, `1 h 30 m`, `1 d 1 h`, `90 s` as `1 m 30 s`."""
    minutes, seconds = divmod(abs(span) // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return _joined([(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]) or "0 s"


def rfc3339(instant: datetime) -> str:
    """An instant in UTC with `Z`, to the second; with a fraction where there is one.

    Raises:
        ValueError: an instant without zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a zone: {instant}")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _joined(parts: list[tuple[int, str]]) -> str:
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _zone_text(local: datetime) -> str:
    """`CET`; many zones have no letters, only `+08`, which reads better as `UTC+08`."""
    name = local.tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def _ahead_text(ahead: timedelta) -> str:
    if abs(ahead) < timedelta(seconds=1):
        return "now"
    return f"in {distance(ahead)}" if ahead > _NOTHING else f"{distance(ahead)} ago"
