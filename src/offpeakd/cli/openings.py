"""Says in words and rows when windows open."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from offpeakd.cli.safe_text import safe
from offpeakd.core.calendar import HORIZON, Calendar, Opening, Standing
from offpeakd.core.clock_text import both_clocks, length_text

OPENING_HEADS: Final = ("OPENS", "CLOSES", "LAST RELEASE", "LENGTH", "WINDOWS", "NOTES")
_NOTES: Final = 400


def next_opening_sentence(
    calendar: Calendar, groups: Iterable[str], guard: timedelta, now: datetime
) -> str:
    """When some of the groups may release next, as the end of a sentence.

    Args:
        calendar: windows and freezes.
        groups: of which the first to open counts.
        guard: how long before the cutoff a release has to begin.
        now: the present instant.
    """
    coming: list[tuple[datetime, str]] = []
    for group in groups:
        zone = calendar.zone_of(group)
        standing = calendar.at(now, group, guard)
        if standing.verdict == "open":
            return open_now(standing, zone, now)
        if standing.next is not None and standing.next.start is not None:
            coming.append((standing.next.start, zone))
    if not coming:
        return f"no window opens within {HORIZON.days} days"
    start, zone = min(coming)
    return f"next opening {both_clocks(start, zone, now)}"


def open_now(standing: Standing, zone: str, now: datetime) -> str:
    """That a window is open, and until when it releases."""
    if standing.opening is None or standing.opening.last_release is None:
        return "a window is open and never closes"
    return (
        f"a window is open; releases until {both_clocks(standing.opening.last_release, zone, now)}"
    )


def standing_sentence(standing: Standing, zone: str, now: datetime) -> str:
    """How a group stands, in a few words and both clocks."""
    if standing.verdict == "open":
        return open_now(standing, zone, now)
    words = {
        "past-cutoff": "a window is open, but past its cutoff",
        "frozen": f"frozen by '{standing.freeze.name}'" if standing.freeze else "frozen",
        "window-closed": "closed",
        "no-window": f"no window opens within {HORIZON.days} days",
    }[standing.verdict]
    if standing.next is None or standing.next.start is None:
        return words
    return f"{words}; next opening {both_clocks(standing.next.start, zone, now)}"


def opening_row(opening: Opening, zone: str, now: datetime) -> tuple[str, ...]:
    """One line of a table of openings."""
    length = (
        length_text(opening.end - opening.start)
        if opening.start is not None and opening.end is not None
        else "without end"
    )
    return (
        end_text(opening.start, zone, now, "always"),
        _clocks(opening.end, zone, now, "never"),
        _clocks(opening.last_release, zone, now, "any time"),
        length,
        safe(", ".join(opening.windows)),
        safe("; ".join(opening.notes), _NOTES),
    )


def end_text(moment: datetime | None, zone: str, now: datetime, otherwise: str) -> str:
    """One end of an opening; the other word where it has none."""
    return otherwise if moment is None else both_clocks(moment, zone, now)


def _clocks(moment: datetime | None, zone: str, now: datetime, otherwise: str) -> str:
    """Without the distance, which the first column shows."""
    return end_text(moment, zone, now, otherwise).split(",")[0]
