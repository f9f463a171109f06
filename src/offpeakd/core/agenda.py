"""Which groups may release now, in the order in which they go, and how long that stays so."""

from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.values import value
from offpeakd.core.verdicts import Situation

_FAR: Final = timedelta(days=366)


@value
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


def agenda(situation: Situation, groups: tuple[str, ...]) -> Agenda:
    """Look through every group.

    Args:
        situation: instant, calendar, guard, and until when a reload keeps groups shut.
        groups: that are configured.
    """
    now, guard = situation.now, situation.policy.guard
    until = min((end for end in situation.notices.values() if end > now), default=now + _FAR)
    closing: list[tuple[datetime, str]] = []
    for group in groups:
        standing = situation.calendar.at(now, group, guard)
        until = min(until, situation.calendar.edge_after(now, group, guard))
        shut = standing.verdict != "open" or situation.notice_until(group) is not None
        if standing.opening is not None and not shut:
            closing.append((standing.opening.last_release or now + _FAR, group))
    return Agenda(tuple(group for _, group in sorted(closing)), now, until)
