"""The state of the pretended cloud. It reads no clock: every method is told the time.

What ends or begins by itself (a job, another action, a delayed upgrade) stands in one calendar
and happens when somebody next asks, as of the instant it was due.
"""

import heapq
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from offpeakd.core.values import value
from offpeakd.emulator import refusals
from offpeakd.emulator.cloud_model import (
    UPGRADE_ACTION,
    DdsInstance,
    DdsJob,
    DelayedUpgrade,
    Entry,
    Snapshot,
    UpgradeCall,
)
from offpeakd.emulator.refusals import InstanceRefusal

_CALLS_KEPT: Final = 100_000
_JOBS_KEPT_FOR: Final = timedelta(days=30)
_OLDEST_VERSION: Final = (3, 4)
_NO_TIME: Final = timedelta(0)


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    serial: int
    happen: Callable[[datetime], None] = field(compare=False)


@value
class Habits:
    """How the pretended cloud behaves.

    Attributes:
        job_visible_after: how long a new job stays out of all listings.
        busy_for: how long another action on an instance lasts; None for ever.
        permissive: starts an upgrade although one runs, or has just been done here, instead of
            refusing; so that a second start shows in `starts`.
    """

    job_visible_after: timedelta
    busy_for: timedelta | None
    permissive: bool


class World:
    """Instances, jobs and calls. Not safe for threads by itself: its owner holds a lock."""

    def __init__(
        self, instances: Iterable[DdsInstance], habits: Habits, seed: int, now: datetime
    ) -> None:
        self._instances = {instance.id: instance for instance in instances}
        self._order = list(self._instances)
        self._habits = habits
        self._rng = Random(seed)  # noqa: S311 - pretended ids, not secrets
        self._jobs: dict[str, DdsJob] = {}
        self._delayed: dict[str, DelayedUpgrade] = {}
        self._due: list[_Due] = []
        self._serial = 0
        self._calls: dict[int, UpgradeCall] = {}
        self._starts: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._received: Counter[str] = Counter()
        self._plan_end_of_other_actions(now)

    # ------------------------------------------------------------------- the passing of time

    def advance(self, now: datetime) -> None:
        """Let happen what was due by now."""
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            due.happen(due.at)

    def _at(self, instant: datetime, happen: Callable[[datetime], None]) -> None:
        self._serial += 1
        heapq.heappush(self._due, _Due(instant, self._serial, happen))

    def _plan_end_of_other_actions(self, now: datetime) -> None:
        if self._habits.busy_for is None:
            return
        for instance in self._instances.values():
            if instance.actions and instance.status == "normal":
                spread = 0.5 + self._rng.random() / 2
                self._at(now + self._habits.busy_for * spread, self._frees(instance.id))

    def _frees(self, instance_id: str) -> Callable[[datetime], None]:
        def end(_at: datetime) -> None:
            instance = self._instances.get(instance_id)
            if instance is not None and UPGRADE_ACTION not in instance.actions:
                self._instances[instance_id] = replace(instance, actions=())

        return end

    # ------------------------------------------------------------------- instances

    def find(self, instance_id: str) -> DdsInstance | None:
        """One instance, or None."""
        return self._instances.get(instance_id)

    def instances(self) -> Iterator[DdsInstance]:
        """All instances, newest first."""
        return (self._instances[instance_id] for instance_id in self._order)

    def put(self, instance: DdsInstance) -> None:
        """Replace an instance, or add it as the newest."""
        if instance.id not in self._instances:
            self._order.insert(0, instance.id)
        self._instances[instance.id] = instance

    def remove(self, instance_id: str) -> None:
        """Delete an instance; its jobs stay."""
        if self._instances.pop(instance_id, None) is not None:
            self._order.remove(instance_id)

    # ------------------------------------------------------------------- upgrades

    def upgrade(
        self, instance_ids: Iterable[str], now: datetime, *, hidden_for: timedelta = _NO_TIME
    ) -> tuple[Entry, ...]:
        """Start what can be started.

        Args:
            instance_ids: in the order of the answer.
            now: the upgrades start at once.
            hidden_for: how much longer than usual their jobs stay out of listings.
        """
        return tuple(self._start(instance_id, now, hidden_for) for instance_id in instance_ids)

    def upgrade_later(
        self, instance_ids: Iterable[str], asked_at: datetime, at: datetime, *, listed: bool
    ) -> tuple[str, ...]:
        """Start upgrades at a later instant, by themselves.

        Returns:
            ids of the scheduled jobs, in the same order.
        """
        return tuple(self._plan(one, asked_at, at, listed=listed) for one in instance_ids)

    def refusal(self, instance_id: str) -> InstanceRefusal | None:
        """Why an upgrade of it would be refused now; None if it would not."""
        instance = self._instances.get(instance_id)
        if instance is None:
            return refusals.NO_INSTANCE
        if self._habits.permissive and self._starts[instance_id]:
            return None
        return _refusal(instance)

    def _start(self, instance_id: str, now: datetime, hidden_for: timedelta) -> Entry:
        refused = self.refusal(instance_id)
        if refused is not None:
            return Entry(instance_id, error_code=refused.code, error_message=refused.message)
        instance = self._instances[instance_id]
        job = DdsJob(
            id=self._new_id(),
            instance_id=instance_id,
            instance_name=instance.name,
            created=now,
            ends=now + instance.upgrade_time,
            visible_at=now + self._habits.job_visible_after + hidden_for,
            fail_reason=instance.fail_reason,
        )
        self._jobs[job.id] = job
        self._starts[instance_id] += 1
        self._running[instance_id] += 1
        self._instances[instance_id] = replace(instance, actions=(UPGRADE_ACTION,))
        self._at(job.ends, lambda at: self._end(job.id, at))
        self._forget_old_jobs(now)
        return Entry(instance_id, job_id=job.id)

    def _end(self, job_id: str, _at: datetime) -> None:
        job = replace(self._jobs[job_id], done=True)
        self._jobs[job_id] = job
        self._running[job.instance_id] -= 1
        instance = self._instances.get(job.instance_id)
        if instance is None:
            return
        if job.fail_reason is None:
            instance = replace(
                instance, whole_version=instance.newest_version, patch_available=False
            )
        if not self._running[job.instance_id]:
            instance = replace(instance, actions=())
        self._instances[instance.id] = instance

    def _plan(self, instance_id: str, asked_at: datetime, at: datetime, *, listed: bool) -> str:
        delayed = DelayedUpgrade(
            id=self._new_id(),
            instance_id=instance_id,
            asked_at=asked_at,
            starts_at=at,
            listed=listed,
        )
        self._delayed[delayed.id] = delayed
        self._at(at, lambda due: self._begin_delayed(delayed.id, due))
        return delayed.id

    def _begin_delayed(self, delayed_id: str, at: datetime) -> None:
        delayed = self._delayed[delayed_id]
        if delayed.status != "Pending":
            return
        (entry,) = self.upgrade((delayed.instance_id,), at)
        status = "Failed" if entry.job_id is None else "Completed"
        self._delayed[delayed_id] = replace(delayed, status=status)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    # ------------------------------------------------------------------- jobs

    def find_job(self, job_id: str, now: datetime) -> DdsJob | None:
        """One job, once the cloud shows it."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.visible_at <= now else None

    def instance_of_job(self, job_id: str) -> str | None:
        """Whose job it is, shown or not."""
        job = self._jobs.get(job_id)
        return None if job is None else job.instance_id

    def jobs(self, now: datetime) -> Iterator[DdsJob]:
        """The jobs that the cloud shows, newest first."""
        return (job for job in reversed(self._jobs.values()) if job.visible_at <= now)

    def delayed(self) -> Iterator[DelayedUpgrade]:
        """Scheduled jobs, newest first."""
        return (delayed for delayed in reversed(self._delayed.values()) if delayed.listed)

    def cancel_delayed(self, delayed_id: str) -> bool:
        """Cancel a scheduled job; False when it isn't pending, or doesn't exist."""
        delayed = self._delayed.get(delayed_id)
        if delayed is None or delayed.status != "Pending":
            return False
        self._delayed[delayed_id] = replace(delayed, status="Canceled")
        return True

    def _forget_old_jobs(self, now: datetime) -> None:
        while self._jobs:
            oldest = next(iter(self._jobs.values()))
            if not oldest.done or oldest.created > now - _JOBS_KEPT_FOR:
                return
            del self._jobs[oldest.id]

    # ------------------------------------------------------------------- what came in

    def count(self, call: str) -> None:
        """Note that a call of that kind arrived."""
        self._received[call] += 1

    def keep_call(self, number: int, call: UpgradeCall) -> None:
        """Note an upgrade call, or what is now known of it."""
        self._calls[number] = call
        if len(self._calls) > _CALLS_KEPT:
            del self._calls[next(iter(self._calls))]

    def snapshot(self) -> Snapshot:
        """Everything, as it stands."""
        return Snapshot(
            instances={instance.id: instance for instance in self.instances()},
            jobs=tuple(self._jobs.values()),
            calls=tuple(self._calls.values()),
            starts=dict(self._starts),
            received=dict(self._received),
        )

    def starts(self, instance_id: str) -> int:
        """How often an upgrade of the instance was started."""
        return self._starts[instance_id]


def _refusal(instance: DdsInstance) -> InstanceRefusal | None:
    states = tuple(node.status for group in instance.groups for node in group.nodes)
    rules = (
        (instance.mode == "Single", refusals.WRONG_MODE),
        (_short(instance.version) < _OLDEST_VERSION, refusals.WRONG_VERSION),
        (UPGRADE_ACTION in instance.actions, refusals.UPGRADE_RUNS),
        (instance.status == "frozen", refusals.FROZEN),
        (instance.status != "normal", refusals.NOT_AVAILABLE),
        (any(state != "normal" for state in states), refusals.NOT_AVAILABLE),
        (bool(instance.actions), refusals.OTHER_ACTION),
        (not instance.patch_available, refusals.CURRENT),
    )
    return next((refusal for applies, refusal in rules if applies), None)


def _short(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
