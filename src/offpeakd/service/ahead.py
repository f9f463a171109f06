"""What a claim showed of the queue behind its batch, while that is as good as another look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core.lane import Lane, Stop
from offpeakd.core.values import value
from offpeakd.ports import Behind, Clock

_log = structlog.get_logger("ahead")

JUST_NOW: Final = timedelta(milliseconds=10)
"""How old the stops may be that the gate goes by: asking again takes as long where the database is
not on this machine."""

GOOD_FOR: Final = timedelta(milliseconds=50)
"""How old a look may be that the next batch is chosen by. Whatever has changed since, a claim takes
nothing that no longer stands as it was read, and the gate looks again; but after a call that took
its time, a pause that was set meanwhile had better show before the next batch is claimed."""


RESTS: Final = timedelta(seconds=10)
"""How long no batch is chosen by it after somebody else was first with one that was: other daemons
choose from the same queue, and what each of them saw is old the sooner."""


@value
class _Seen:
    behind: Behind
    at: timedelta
    doubts: int


@dataclass(slots=True, eq=False, repr=False)
class Ahead:
    """Of one lane. A claim looks at the queue behind its batch in the same message.

    Attributes:
        clock: for the age of a look.
    """

    clock: Clock
    _seen: _Seen | None = field(default=None, init=False)
    _is_read: bool = field(default=True, init=False)
    _lane: Lane | None = field(default=None, init=False)
    _rests_until: timedelta = field(default=timedelta(0), init=False)

    def see(self, behind: Behind | None, at: timedelta, doubts: int) -> None:
        """Keep what a claim gave. `read` has to follow, whatever becomes of the batch.

        Args:
            behind: as the claim gives it.
            at: boot time before the claim was sent.
            doubts: how often the store had been doubted by then.
        """
        self.forget()
        if behind is not None:
            self._seen, self._is_read = _Seen(behind, at, doubts), False

    def read(self) -> None:
        """Read the queue, unless that is done: best while the cloud works on the call."""
        if self._seen is not None and not self._is_read:
            self._is_read = True
            try:
                self._lane = self._seen.behind.read()
            except Exception:  # noqa: BLE001 - the answer to a call must be heard, whatever this is
                _log.exception("defect", work="the look behind a batch")
                self._lane = None

    def forget(self) -> None:
        """The queue was changed: another look is needed."""
        self.read()
        self._seen = self._lane = None

    def rest(self) -> None:
        """Somebody else was first with what was chosen by it."""
        self._rests_until = self.clock.boottime() + RESTS

    def stops(self) -> tuple[Stop, ...] | None:
        """The target's stops, and those of all; None where they have to be asked for."""
        seen = self._seen
        return seen.behind.stops if seen is not None and self._age(seen) <= JUST_NOW else None

    def lane(self, groups: Sequence[str], now: datetime, doubts: int) -> Lane | None:
        """The queue with the first of the groups, once; None where another look is needed.

        A stop that stood may have been lifted since, by what came of the call itself.

        Args:
            groups: that may release, in order.
            now: wall clock, since some may have become ready.
            doubts: how often the store has been doubted.
        """
        self.read()
        seen, lane = self._seen, self._lane
        self.forget()
        if seen is None or lane is None:
            return None
        if seen.doubts != doubts or self._age(seen) > GOOD_FOR:
            return None
        rests = self.clock.boottime() < self._rests_until
        if rests or lane.stops or lane.ready_groups != tuple(groups[:1]):
            return None
        due = lane.next_ready_at is not None and lane.next_ready_at <= now
        return None if due else lane

    def _age(self, seen: _Seen) -> timedelta:
        return self.clock.boottime() - seen.at
