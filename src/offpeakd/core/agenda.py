"""Which groups may release now, in the order in which they go, and how long that stays so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.calendar import Calendar

_FAR: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Agenda:
    """The order of the groups, good from one edge of the calendar to the next.

    Thousands of windows are looked through once for each edge, not once for each batch.

    Attributes:
        open: groups that may release, the one that closes first at the head; equals by name.
        since: from when this is so.
        until: the first instant at which it may be otherwise.
    """

    open: tuple[str, ...]
    since: datetime
    until: datetime

    def covers(self, now: datetime) -> bool:
        """Whether it is good at an instant."""
        return self.since <= now < self.until


def agenda(
    calendar: Calendar,
    groups: tuple[str, ...],
    now: datetime,
    guard: timedelta,
    notices: Mapping[str, datetime],
) -> Agenda:
    """Look through every group.

    Args:
        calendar: windows and freezes.
        groups: that are configured.
        now: the present instant.
        guard: how long before the cutoff a release has to begin.
        notices: until when a changed configuration keeps a group shut.
    """
    until = min((end for end in notices.values() if end > now), default=now + _FAR)
    closing: list[tuple[datetime, str]] = []
    for group in groups:
        standing = calendar.at(now, group, guard)
        until = min(until, calendar.edge_after(now, group, guard))
        if standing.verdict == "open" and standing.opening is not None:
            closing.append((standing.opening.last_release or now + _FAR, group))
    return Agenda(tuple(group for _, group in sorted(closing)), now, until)
