"""When a group may release: windows and freezes turned into openings in UTC.

Openings follow from the time zone data that is loaded when the calendar is made, and are never
stored. What a calendar says never changes; threads may share it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.absences import Skipped
from offpeakd.core.frozen import FrozenSpans
from offpeakd.core.model import DEFAULT_GROUP
from offpeakd.core.occurrences import Recurrence, unending
from offpeakd.core.openings import Opening
from offpeakd.core.standing import HORIZON, Phase, Standing, Stretch
from offpeakd.core.timetable import Timetable
from offpeakd.core.wallclock import FIRST_REACHED, LAST_INSTANT, LAST_REACHED, within_reach
from offpeakd.core.windows import Freeze, Window

__all__ = ["HORIZON", "Calendar", "Opening", "Skipped", "Standing"]

_NO_GUARD: Final = timedelta()
_OUT_OF_REACH: Final = Standing(None, None, None, "no-window")
"""The answer within some days of the year 1 or 10000, where local days can't be counted."""


class Calendar:
    """The openings of every group.

    A group that is not listed has every window. A freeze that names groups holds only those.

    Attributes:
        groups: names of the groups that are listed; the default group where none is.
    """

    __slots__ = ("_every", "_named", "_tables", "_windows", "groups")

    def __init__(
        self,
        windows: Mapping[str, Window],
        freezes: Sequence[Freeze],
        groups: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Make a calendar.

        Args:
            windows: by name.
            freezes: in the order of the configuration.
            groups: names of their windows, by name of the group.

        Raises:
            ValueError: a group names a window that isn't there.
            GrammarError: a zone that the time zone database has not.
        """
        self.groups: tuple[str, ...] = tuple(groups) or (DEFAULT_GROUP,)
        self._windows = windows = dict(windows)
        self._named = {group: _known(group, names, windows) for group, names in groups.items()}
        every = tuple(windows)
        recurrences = {
            name: Recurrence(window) for name, window in windows.items() if not window.always
        }
        always = {name: unending(window) for name, window in windows.items() if window.always}
        frozen = [FrozenSpans(freeze, place) for place, freeze in enumerate(freezes)]

        def timetable(group: str | None, names: Sequence[str]) -> Timetable:
            return Timetable(
                tuple([recurrences[name] for name in names if name in recurrences]),
                tuple([always[name] for name in names if name in always]),
                tuple([part for part in frozen if _holds(part.freeze, group)]),
            )

        singled_out = (group for freeze in freezes for group in freeze.groups)
        self._tables = {
            group: timetable(group, self._named.get(group, every))
            for group in {*groups, *singled_out}
        }
        self._every = timetable(None, every)

    def at(
        self, now: datetime, group: str = DEFAULT_GROUP, guard: timedelta = _NO_GUARD
    ) -> Standing:
        """How things stand at an instant.

        Args:
            now: the instant, aware.
            group: whose windows and freezes.
            guard: how long before the cutoff a release has to begin.
        """
        stretch = self._stretch(now, group, guard)
        return _OUT_OF_REACH if stretch is None else stretch.at(now)

    def edge_after(self, now: datetime, group: str, guard: timedelta) -> datetime:
        """The first later instant at which `at` may answer otherwise.

        Args:
            now: the instant, aware.
            group: whose windows and freezes.
            guard: how long before the cutoff a release has to begin.
        """
        stretch = self._stretch(now, group, guard)
        if stretch is None:
            return within_reach(now) if now < within_reach(now) else LAST_INSTANT
        return stretch.edge_after(now)

    def _stretch(self, now: datetime, group: str, guard: timedelta) -> Stretch | Phase | None:
        """The stretch of time that contains an instant; None where days can't be counted."""
        table = self._tables.get(group, self._every)
        stretch = table.stretches.get(guard)
        if stretch is None or not stretch.since <= now < stretch.until:
            return table.stretch(now, guard) if FIRST_REACHED <= now <= LAST_REACHED else None
        return stretch

    def openings(
        self, since: datetime, until: datetime, group: str = DEFAULT_GROUP
    ) -> Iterator[Opening]:
        """Every opening that overlaps `[since, until)`: in order, disjoint, none empty.

        Each has its true ends, also where they lie outside. An end more than two years outside
        counts as none.
        """
        return self._tables.get(group, self._every).openings(since, until)

    def skipped(
        self, since: datetime, until: datetime, group: str = DEFAULT_GROUP
    ) -> tuple[Skipped, ...]:
        """Every day in `[since, until)` on which a window is to open and doesn't, with its cause."""
        return tuple(self._tables.get(group, self._every).skipped(since, until))

    def zone_of(self, group: str) -> str:
        """The zone in which people read times of a group: that of its first window, or UTC."""
        names = self._named.get(group, self._windows)
        return next((self._windows[name].zone for name in names), "UTC")


def _known(group: str, names: Sequence[str], windows: Mapping[str, Window]) -> tuple[str, ...]:
    for name in names:
        if name not in windows:
            raise ValueError(f"group '{group}' names window '{name}', which isn't there")
    return tuple(names)


def _holds(freeze: Freeze, group: str | None) -> bool:
    return not freeze.groups or group in freeze.groups
