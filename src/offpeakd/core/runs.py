"""Openings of several windows laid over each other: what overlaps or touches is one run."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from offpeakd.core.occurrences import LAST_DAY, Occurrence, Recurrence
from offpeakd.core.wallclock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    later,
    within_reach,
)

EXTENT: Final = timedelta(days=2 * 366)
"""How far the ends of one run are looked for; beyond, it counts as without that end."""


_UTC_MIDNIGHT: Final = time(tzinfo=UTC)
_EASTERNMOST: Final = timedelta(hours=16)
"""More than any zone was ever ahead of UTC: Metlakatla, until 1867, by 15 h 13 m."""


class Run(NamedTuple):
    """One unbroken stretch of one or more openings, freezes not yet taken off.

    Attributes:
        start: first instant; `FIRST_INSTANT` where it has always been open.
        end: first instant after it; `LAST_INSTANT` where it never closes.
        occurrences: what it is made of, in order.
    """

    start: datetime
    end: datetime
    occurrences: list[Occurrence]


def runs(
    recurrences: Sequence[Recurrence],
    always: Sequence[Occurrence],
    since: datetime,
    until: datetime,
) -> Iterator[Run]:
    """Every run that overlaps `[since, until)`, in order, each with its true ends.

    Days are looked at in growing steps, and only as far as the caller goes on asking.

    Args:
        recurrences: the windows.
        always: what is open all the time.
        since: first instant of interest.
        until: first instant that is not.
    """
    walk = _Walk(recurrences, always, since)
    give_up = later(until, EXTENT)
    pending = walk.begin()
    while True:
        bound = walk.bound()
        rest: list[Occurrence] = []
        for run in _joined(pending):
            if run.start >= until and not rest:
                return
            if run.end < bound:
                if run.end > since:
                    yield run
            elif bound >= give_up:
                yield run._replace(end=LAST_INSTANT)
            else:
                rest.extend(run.occurrences)
        if bound >= until and not rest:
            return
        pending = sorted(rest + walk.onward())


def _joined(occurrences: Sequence[Occurrence]) -> Iterator[Run]:
    """Runs of what overlaps or touches.

    Args:
        occurrences: in order.
    """
    members: list[Occurrence] = []
    reached = FIRST_INSTANT
    for occurrence in occurrences:
        if members and occurrence.start > reached:
            yield Run(members[0].start, reached, members)
            members = []
        reached = max(reached, occurrence.end)
        members.append(occurrence)
    if members:
        yield Run(members[0].start, reached, members)


class _Walk:
    """The days of some windows round an instant, each counted on its own wall clock."""

    __slots__ = ("_always", "_days", "_seen", "_since", "_step", "_zones")

    def __init__(
        self, recurrences: Sequence[Recurrence], always: Sequence[Occurrence], since: datetime
    ) -> None:
        self._since = within_reach(since)
        self._always = always
        self._zones: dict[tzinfo, int] = {}
        self._days: list[tuple[Recurrence, int]] = []
        for recurrence in recurrences:
            day = self._zones.get(recurrence.zone)
            if day is None:
                day = _local_day(self._since, recurrence.zone)
                self._zones[recurrence.zone] = day
            self._days.append((recurrence, day))
        self._seen = 1
        self._step = 1

    def begin(self) -> list[Occurrence]:
        """What may hold at the instant, all that joins it from before, and a day onward."""
        found = [*self._always]
        for recurrence, day in self._days:
            found.extend(recurrence.between(day - recurrence.overlaps, day + self._seen))
        found.sort()
        if any(member.start <= self._since < member.end for member in found):
            return self._back_to_start(found)
        return found

    def _back_to_start(self, found: list[Occurrence]) -> list[Occurrence]:
        """Add what lies before, until nothing can touch the run that holds at the instant."""
        back = 0
        while (first := self._first(found)).start > FIRST_INSTANT:
            wanted = self._days_before(first.start)
            if wanted <= back:
                break
            if back >= EXTENT.days:
                following = found[found.index(first) + 1 :]
                return [first._replace(start=FIRST_INSTANT, note=""), *following]
            wanted = min(max(wanted, 2 * back), EXTENT.days)
            for recurrence, day in self._days:
                looked_at = day - recurrence.overlaps
                found.extend(recurrence.between(looked_at - wanted, looked_at - back - 1))
            found.sort()
            back = wanted
        return found

    def bound(self) -> datetime:
        """No opening of a day not yet looked at starts before this instant."""
        following = min(self._zones.values(), default=LAST_DAY) + self._seen + 1
        if following > LAST_DAY:
            return LAST_INSTANT
        return datetime.combine(date.fromordinal(following), _UTC_MIDNIGHT) - _EASTERNMOST

    def onward(self) -> list[Occurrence]:
        """The openings of the next days; twice as many days each time."""
        first = self._seen + 1
        self._step *= 2
        self._seen += self._step
        found: list[Occurrence] = []
        for recurrence, day in self._days:
            found.extend(recurrence.between(day + first, day + self._seen))
        return found

    def _first(self, found: Sequence[Occurrence]) -> Occurrence:
        """What the run that holds at the instant starts with, as far as is known."""
        return next(run.occurrences[0] for run in _joined(found) if run.end > self._since)

    def _days_before(self, start: datetime) -> int:
        """How many more days back something could be that touches a start."""
        return max(
            day - recurrence.overlaps - (_local_day(start, recurrence.zone) - recurrence.touches)
            for recurrence, day in self._days
        )


def _local_day(instant: datetime, zone: tzinfo) -> int:
    return instant.astimezone(zone).toordinal()
