"""One target's lane with its real store and real services, on a cloud that is a value in memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from offpeakd import app
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import Batch, BatchResult, as_claimed
from offpeakd.core.calendar import Calendar
from offpeakd.core.outcomes import Accepted
from offpeakd.core.plan import Take, plan
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Instance, Job
from offpeakd.core.selectors import parse_days, parse_local_time
from offpeakd.core.settle import settle
from offpeakd.core.verdicts import LaneFacts, Situation
from offpeakd.core.windows import Window
from offpeakd.ports import Clock, DaemonRow, JobPage, SignedCall, UpgradeAnswer
from offpeakd.service.batches import batch_for
from offpeakd.service.expiry import Expiry
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.inventory import Inventory
from offpeakd.service.reconcile import Reconcile
from offpeakd.service.release import Release
from offpeakd.service.rules import CurrentRules, Rules

MOST = 100_000
_ZONE = "UTC"


def always() -> Calendar:
    return Calendar({"always": Window("always", _ZONE, always=True)}, (), {})


def spread(groups: int, open_ones: int, now: datetime) -> Calendar:
    """A window a group; those of the first groups are open now, for some hours."""
    windows = {
        f"g{place}": _window(f"g{place}", now, opened=place < open_ones) for place in range(groups)
    }
    return Calendar(windows, (), {name: (name,) for name in windows})


def _window(name: str, now: datetime, *, opened: bool) -> Window:
    start = now + timedelta(hours=-2 if opened else 6)
    end = start + timedelta(hours=5)
    return Window(
        name=name,
        zone=_ZONE,
        days=(parse_days("daily"),),
        start=parse_local_time(f"{start:%H:%M}"),
        end=parse_local_time(f"{end:%H:%M}", end=True),
    )


@dataclass
class InstantCloud:
    """A cloud in memory: it has no instances to list, and starts whatever it is told to."""

    clock: Clock

    def list_instances(self) -> tuple[Instance, ...]:
        return ()

    def find_instance(self, instance_id: str) -> Instance | None:
        return Instance(instance_id, self.clock.now(), mode="ReplicaSet", node_states=("normal",))

    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        return SignedCall(tuple(instance_ids), b"{}", {}, self.clock.now(), fenced=True)

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        assert gate() is None
        meanwhile()
        now = self.clock.now()
        accepted = {one: Accepted(uuid4().hex) for one in call.instance_ids}
        return UpgradeAnswer(BatchResult("answered", now, sent_at=now, http_status=202), accepted)

    def list_jobs(self, *_span: object) -> JobPage:
        return JobPage((), full=False)

    def find_job(self, _job_id: str) -> Job | None:
        return None

    def upgrade_minutes(self, _instance_id: str) -> int | None:
        return None

    def clock_offset(self) -> timedelta | None:
        return timedelta(0)

    def close(self) -> None:
        pass


@dataclass
class Lane:
    """What one lane does, step by step."""

    url: str
    calendar: Calendar
    store: SqlStore = field(init=False)
    clock: Clock = field(default_factory=app.system_clock)
    owner: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        self.store = SqlStore(self.url, self.owner)
        limits = {"t0": MOST}
        rules = Rules(self.calendar, Policy(), limits, "c", "z", calls_per_minute=limits)
        self.rules = CurrentRules(rules)
        cloud = InstantCloud(self.clock)
        common = (self.clock, self.rules)
        inventory = Inventory("t0", cloud, self.store, self.clock)
        self.release = Release(
            "t0", self.owner, self.store, cloud, inventory, *common, tuple, threading.Event()
        )
        self.follow_up = FollowUp("t0", self.store, cloud, *common)
        self.reconcile = Reconcile("t0", self.store, cloud, *common)
        self.expiry = Expiry(self.store, self.clock, lambda _: None)

    def beat(self) -> None:
        now = self.clock.now()
        self.store.beat(DaemonRow(self.owner, "here", 1, "0", ("t0",), now, now, "c"))

    def claim(self) -> Batch:
        """Look, decide, read the next ten and write them down: everything up to the call."""
        now, rules = self.clock.now(), self.rules()
        groups = self.release.order.open(rules, now, self.clock.boottime())
        lane = self.store.lane("t0", now, groups)
        self.release.order.found(groups.index(lane.ready_groups[0]), self.clock.boottime())
        facts = LaneFacts(lane.in_flight, MOST, lane.stops)
        take = plan(lane, facts, Situation(now, rules.calendar, rules.policy)).take
        assert take is not None
        batch = self._batch(take, now)
        assert self.store.claim(batch, rules.limits("t0"))
        return batch

    def record(self, batch: Batch) -> None:
        """Write that all of it was accepted."""
        now = self.clock.now()
        result = BatchResult("answered", now, sent_at=now, http_status=202)
        policy = self.rules().policy
        changes = [settle(one, Accepted(uuid4().hex), result, policy) for one in as_claimed(batch)]
        assert not self.store.record(batch.id, result, changes)

    def tick(self) -> None:
        """Everything that a daemon does for a target now and then."""
        self.release.run_once()
        self.follow_up.run_once()
        self.reconcile.run_once()
        self.expiry.run_once()
        self.beat()

    def _batch(self, take: Take, now: datetime) -> Batch:
        """As the daemon puts it together: where its ids lie in the indexes is part of the price."""
        requests = self.store.ready("t0", take.group, take.size)
        fit = [(one, Instance(one.instance_id, now)) for one in requests]
        call = SignedCall(tuple(one.instance_id for one in requests), b"{}", {}, now, fenced=True)
        return batch_for("t0", self.owner, take, fit, call, self.rules())


@contextmanager
def a_lane(url: str, calendar: Calendar) -> Iterator[Lane]:
    lane = Lane(url, calendar)
    try:
        lane.beat()
        yield lane
    finally:
        lane.store.close()
