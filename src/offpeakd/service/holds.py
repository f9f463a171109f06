"""The daemon's own reasons to release nothing: its store, its lease, its clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core import stops
from offpeakd.core.clock_trust import UNWITNESSED, ClockFacts, distrust
from offpeakd.core.errors import CloudError, CredentialsError
from offpeakd.core.lane import Lane
from offpeakd.core.plan import next_edge
from offpeakd.core.verdicts import Code, Kind, Verdict
from offpeakd.ports import Clock, Cloud, Store
from offpeakd.service.inventory import Inventory
from offpeakd.service.rules import Rules

LEASE_MARGIN: Final = timedelta(seconds=15)
"""What has to be left of a lease at the first byte; a quarter of a short one."""

LOOK_AGAIN: Final = timedelta(seconds=30)
"""How often a held lane asks the cloud for its time."""

_log = structlog.get_logger("holds")


def lease_margin(lease: timedelta) -> timedelta:
    """How long before its end a lease counts as over."""
    return min(LEASE_MARGIN, lease / 4)


@dataclass(slots=True, eq=False, repr=False)
class Vitals:
    """What is so for the daemon as a whole. Any thread may read it; each field is set at once.

    Attributes:
        high_water: the latest wall-clock time that this installation has seen.
        beaten_at: boot time at which the last sign of life that was stored set out.
        fault: why the store can't be relied on; None while it can.
    """

    high_water: datetime
    beaten_at: timedelta | None = None
    fault: str | None = None

    def see(self, now: datetime) -> None:
        """Note what the wall clock says."""
        self.high_water = max(self.high_water, now)


@dataclass(slots=True, eq=False, repr=False)
class Holds:
    """Why one target's lane releases nothing, asked before a claim and again at the first byte.

    Attributes:
        target: its name.
        vitals: of the daemon.
        store: the queue, to see whether anything waits.
        cloud: tells the time with each answer.
        inventory: the lane's; the first look of a run serves the release as well.
        clock: the clocks.
        rules: the configuration in force.
        forgotten: why the lane waits after calls were forgotten; it minds that itself.
    """

    target: str
    vitals: Vitals
    store: Store
    cloud: Cloud
    inventory: Inventory
    clock: Clock
    rules: Callable[[], Rules]
    forgotten: Callable[[], Verdict | None] = lambda: None
    _asked_at: timedelta | None = field(default=None, init=False)
    _undated: bool = field(default=False, init=False)

    def __call__(self) -> tuple[Verdict, ...]:
        """Every reason against releasing now; empty when there is none."""
        found = (self._storage(), self._lease(), self.clock_doubt())
        return tuple(one for one in found if one is not None)

    def standing(self) -> tuple[Verdict, ...]:
        """The reasons that a sign of life tells people.

        Left out are that the first look is still to come, and the lease: where the sign of life
        gets through, it is renewed.
        """
        found = (self._storage(), self.clock_doubt(), self.forgotten())
        return tuple(one for one in found if one is not None and one is not UNWITNESSED)

    def look(self) -> None:
        """Ask the cloud for its time where our clock is in doubt and a window is open.

        Costs a call only where something waits to be released, and none while the clock is
        trusted.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        doubt = self.clock_doubt()
        if doubt is None or not self._may_ask(first=doubt is UNWITNESSED):
            return
        now = self.clock.now()
        rules = self.rules()
        if next_edge(rules.calendar, rules.groups, now) != now:
            return
        lane = self.store.lane(self.target, None)
        # What has waited long enough is made ready by a trusted clock only, so it counts here.
        due = lane.next_ready_at is not None and lane.next_ready_at <= now
        if due or lane.ready_groups:
            self._ask(lane, lambda: self._look_at(lane, first=doubt is UNWITNESSED))

    def ask_about(self, instance_id: str) -> None:
        """Ask the cloud for its time, by one instance, where our clock is in doubt.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        if self.clock_doubt() is not None and self._may_ask(first=False):
            lane = self.store.lane(self.target, None)
            self._ask(lane, lambda: self.cloud.find_instance(instance_id))

    def clock_doubt(self) -> Verdict | None:
        """Why this machine's clock may not be trusted; None while it may."""
        now = self.clock.now()
        offset = self.cloud.clock_offset()
        found = distrust(ClockFacts(now, offset, self.vitals.high_water, self._undated))
        self.vitals.see(now)
        return found

    def witnessed(self) -> bool:
        """Whether the cloud has told its time."""
        return self.cloud.clock_offset() is not None

    def _may_ask(self, *, first: bool) -> bool:
        since = self._asked_at
        return first or since is None or self.clock.boottime() - since >= LOOK_AGAIN

    def _ask(self, lane: Lane, question: Callable[[], object]) -> None:
        if stops.in_force(lane.stops, stops.ALL_CALLS, self.clock.now()):
            return
        self._asked_at = self.clock.boottime()
        try:
            question()
        except (CloudError, CredentialsError) as error:
            stop = stops.stop_for_error(self.target, error, self.clock.now(), lane.stops)
            self.store.put_stop(stop)
            _log.warning("look_failed", target=self.target, kind=stop.kind, error=error.message)
            return
        if self.cloud.clock_offset() is None and not self._undated:
            self._undated = True
            _log.warning("cloud_tells_no_time", target=self.target)

    def _look_at(self, lane: Lane, *, first: bool) -> None:
        """The whole listing where a release needs it anyway, else one instance."""
        if first or not lane.ready_groups:
            self.inventory.look()
            return
        self.inventory.before_looking()
        for request in self.store.ready(self.target, lane.ready_groups[0], 1):
            self.cloud.find_instance(request.instance_id)

    def _storage(self) -> Verdict | None:
        fault = self.vitals.fault
        if fault is None:
            return None
        return Verdict(Code.STORAGE_FAULT, f"the store is not sound: {fault}", Kind.PERSON)

    def _lease(self) -> Verdict | None:
        """On PostgreSQL another daemon takes over what a silent one had claimed."""
        lease = self.rules().policy.lease_ttl
        beaten_at = self.vitals.beaten_at
        if beaten_at is None:
            return Verdict(Code.STORAGE_FAULT, "the daemon has not given its first sign of life")
        age = self.clock.boottime() - beaten_at
        if age <= lease - lease_margin(lease):
            return None
        return Verdict(
            Code.STORAGE_FAULT,
            f"the daemon's last sign of life in the database is {age.total_seconds():.0f} s old, "
            f"and its lease ends after {lease.total_seconds():.0f} s",
        )
