"""What a daemon tells of itself: its row in the database, and one line for the service manager."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypedDict

import structlog

from offpeakd.core.clock_text import both_clocks, rfc3339
from offpeakd.core.clock_trust import STEP_BACK
from offpeakd.core.errors import DatabaseError
from offpeakd.core.model import DEFAULT_GROUP
from offpeakd.core.verdicts import hold_text
from offpeakd.ports import Clock, DaemonRow, Notifier, Store
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.rules import Rules

BEAT: Final = timedelta(seconds=15)
"""Between two signs of life; a quarter of a short lease."""

_log = structlog.get_logger("daemon")


class _Seen(TypedDict):
    holds: dict[str, str]
    passes: dict[str, datetime]
    clock_offset: timedelta | None


@dataclass(slots=True, eq=False, repr=False)
class SignOfLife:
    """Given every few seconds, and at once when something changes that people should know.

    Attributes:
        row: who this daemon is, and what it told last.
        store: where the row goes.
        clock: the clocks.
        vitals: of this run; each sign that is stored renews the lease there.
        notifier: the service manager.
        rules: the configuration in force.
        lanes: the holds of every target that is served, by name.
        passes: when each lane was last passed over; kept by whoever passes.
        lost: told when the store may have lost what was committed, before anything can be
            claimed on it again.
    """

    row: DaemonRow
    store: Store
    clock: Clock
    vitals: Vitals
    notifier: Notifier
    rules: Callable[[], Rules]
    lanes: Callable[[], Mapping[str, Holds]]
    passes: dict[str, datetime] = field(default_factory=dict[str, datetime])
    lost: Callable[[], None] = lambda: None
    _giving: threading.RLock = field(default_factory=threading.RLock, init=False)

    def begin(self) -> datetime:
        """Store the first sign of life, and learn the latest time ever seen.

        Returns:
            when the next is due.

        Raises:
            DatabaseError: the store can't be written.
        """
        due = self.give()
        if self.row.beat_at < self.vitals.high_water - STEP_BACK:
            _log.warning("clock_set_back", seen_before=rfc3339(self.vitals.high_water))
        return due

    def give(self) -> datetime:
        """Store a sign of life.

        Returns:
            when the next is due.

        Raises:
            DatabaseError: the store can't be written.
        """
        # Each compares what stands with what the last one wrote.
        with self._giving:
            return self._give()

    def begin_term(self) -> None:
        """Begin anew on a store that may have lost what was committed last.

        Raises:
            DatabaseError: the store can't be written.
        """
        with self._giving:
            self._give(new_term=True)

    def _give(self, *, new_term: bool = False) -> datetime:
        set_out = self.clock.boottime()
        now = self.clock.now()
        rules = self.rules()
        lanes = self.lanes()
        self.row = replace(
            self.row,
            beat_at=now,
            config_hash=rules.config_hash,
            targets=tuple(sorted(lanes)),
            **self._seen_in(lanes),
        )
        self._beat(new_term=new_term)
        self.vitals.beaten_at = set_out
        self.vitals.see(self.store.high_water(now))
        self.notifier.status(self.status())
        return now + min(BEAT, rules.policy.lease_ttl / 4)

    def _beat(self, *, new_term: bool) -> None:
        if not new_term:
            if self.store.beat(self.row):
                return
            _log.warning(
                "store_went_back",
                effect="each target's jobs are listed again before anything more is sent there",
            )
        self.lost()
        self.store.beat(self.row, new_term=True)

    def give_with(self, config_error: str | None) -> None:
        """Tell how a reload ended; a store that fails is left to the next sign."""
        self.row = replace(self.row, config_error=config_error)
        try:
            self.give()
        except DatabaseError as error:
            _log.warning("beat_failed", error=error.message)

    def leave(self) -> None:
        """Take the row away: this daemon stops in order."""
        try:
            self.store.leave(self.row.owner)
        except DatabaseError as error:
            _log.warning("leave_failed", error=error.message)

    def status(self) -> str:
        """One line: a fault of the store, or what is open, or what opens next."""
        if self.vitals.fault is not None:
            return f"storage fault, nothing is released: {self.vitals.fault[:300]}"
        rules = self.rules()
        lines = {group: self._standing(group, rules) for group in rules.groups}
        shown = {
            group: line
            for group, line in lines.items()
            if group != DEFAULT_GROUP or line != _NO_WINDOW
        }
        return "; ".join(f"{group}: {line}" for group, line in (shown or lines).items())

    def _standing(self, group: str, rules: Rules) -> str:
        now = self.clock.now()
        standing = rules.calendar.at(now, group)
        zone = rules.calendar.zone_of(group)
        if standing.opening is not None:
            end = standing.opening.end
            return "open" if end is None else f"open until {both_clocks(end, zone, now)}"
        if standing.next is not None and standing.next.start is not None:
            return f"opens {both_clocks(standing.next.start, zone, now)}"
        return _NO_WINDOW

    def _seen_in(self, lanes: Mapping[str, Holds]) -> _Seen:
        held = {name: holds.standing() for name, holds in lanes.items()}
        offsets = [holds.cloud.clock_offset() for holds in lanes.values()]
        return {
            "holds": {name: hold_text(found[0]) for name, found in held.items() if found},
            "passes": {name: at for name, at in tuple(self.passes.items()) if name in held},
            "clock_offset": max((one for one in offsets if one is not None), key=abs, default=None),
        }


_NO_WINDOW: Final = "no window"
