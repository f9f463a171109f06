"""The cloud's side: instances, the upgrades it started, and a record of every call it got.

All of it is told from a history, so that a read can be answered as of any time before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from fakes.builders import an_id
from offpeakd.adapters.huaweicloud.answers import Answer
from offpeakd.core.seen import Instance, Job
from offpeakd.ports import SignedCall
from simulation.baton import MINUTE, SECOND, Timeline, instant, span
from simulation.fate import TROUBLE, Fate

SIGNATURE_LIFE = 15 * MINUTE
"""The gateway refuses a signature of another age (its signing guide)."""

UPGRADE = "UPGRADE_DATABASE"
US = "us"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One upgrade that runs or ran.

    Attributes:
        job_id: the cloud's.
        instance_id: of the instance.
        call: which of our calls started it; None for somebody else's.
        started: when.
        ends: when it ends, or ended.
        succeeds: how.
        shown: since when the job list has it.
    """

    job_id: str
    instance_id: str
    call: str | None
    started: int
    ends: int
    succeeds: bool
    shown: int


@dataclass(slots=True)
class Machine:
    """One instance, with its history.

    Attributes:
        id: the cloud's id.
        mode: as in the listing.
        current: whether it had the newest version from the beginning.
        poison: a call that names it is refused as a whole.
        unsound: from when until when it is abnormal.
        deleted: when somebody deletes it.
        upgrades: those that were started, in order.
    """

    id: str
    mode: str = "ReplicaSet"
    current: bool = False
    poison: bool = False
    unsound: tuple[int, int] = (0, 0)
    deleted: int | None = None
    upgrades: list[Upgrade] = field(default_factory=list)

    def running(self, at: int) -> Upgrade | None:
        """The upgrade that runs at a time."""
        return next((one for one in self.upgrades if one.started <= at < one.ends), None)

    def is_current(self, at: int) -> bool:
        """Whether it has the newest version."""
        return self.current or any(one.succeeds and one.ends <= at for one in self.upgrades)


@dataclass(slots=True)
class Weather:
    """What is wrong with the cloud for a while; each lasts until its instant."""

    bad_key: int = 0
    throttled: int = 0
    unreachable: int = 0
    jobs_denied: int = 0
    stale: int = 0
    recovering: bool = False
    lag: int = 0


class CloudWorld:
    """One project in one region.

    Args:
        timeline: the cloud's clock is right.
        fate: chooses how long things take and how they end.
    """

    def __init__(self, timeline: Timeline, fate: Fate) -> None:
        self.timeline = timeline
        self.fate = fate
        self.weather = Weather()
        self.upgrades: list[Upgrade] = []
        self.refused: list[tuple[str, str, str]] = []
        """Calls' refusals of instances: call, instance, code."""
        self.machines = {an_id(n): Machine(an_id(n)) for n in range(1, fate.traits.instances + 1)}
        self._jobs = 0
        for machine in self.machines.values():
            self._shape(machine)

    def _shape(self, machine: Machine) -> None:
        kind = self.fate.chance.random()
        if kind < 0.05:
            machine.mode = "Single"
        elif kind < 0.1:
            machine.current = True
        elif kind < 0.15:
            machine.poison = True
        elif kind < 0.25:
            begin = self.fate.between(0, 120 * MINUTE)
            machine.unsound = (begin, begin + self.fate.between(MINUTE, 90 * MINUTE))
        elif kind < 0.3:
            machine.deleted = self.fate.between(0, 180 * MINUTE)

    # ------------------------------------------------------------------ reads

    def instance(self, instance_id: str) -> Instance | None:
        """One instance, as reads show it now."""
        machine, at = self.machines.get(instance_id), self._as_of()
        if machine is None or (machine.deleted is not None and machine.deleted <= at):
            return None
        running, tells = machine.running(at), self.fate.traits.tells_versions
        unsound = machine.unsound[0] <= at < machine.unsound[1]
        current = machine.is_current(at)
        return Instance(
            id=machine.id,
            seen_at=instant(self.timeline.now),
            mode=machine.mode,
            status="abnormal" if unsound else "normal",
            actions=(UPGRADE,) if running else (),
            whole_version=("4.0.9.9" if current else "4.0.3.5") if tells else None,
            patch_available=(not current) if tells else None,
            node_states=("upgrade_database",) if running else ("normal",),
        )

    def jobs(self, since: int, until: int) -> tuple[Job, ...]:
        """The job list, newest first, as reads show it now."""
        at = self._as_of()
        shown = [one for one in self.upgrades if since <= one.started < until and one.shown <= at]
        return tuple(self._job(one, at) for one in reversed(shown))

    def job(self, job_id: str) -> Job | None:
        """One job."""
        at = self._as_of()
        shown = (one for one in self.upgrades if one.job_id == job_id and one.shown <= at)
        return next((self._job(one, at) for one in shown), None)

    def _job(self, one: Upgrade, at: int) -> Job:
        ended = at >= one.ends
        status = ("Completed" if one.succeeds else "Failed") if ended else "Running"
        return Job(
            one.job_id,
            one.instance_id,
            status,
            created_at=instant(one.started - one.started % SECOND),
            ended_at=instant(one.ends) if ended else None,
            progress="" if ended else "9%",
            fail_reason="a node did not restart" if ended and not one.succeeds else None,
        )

    def outage(self) -> None:
        """Nothing can be read for a while, and what answers first after it is behind."""
        now, fate = self.timeline.now, self.fate
        if now < self.weather.unreachable or now + 30 * MINUTE > TROUBLE:
            return
        self.weather.unreachable = now + fate.between(15 * MINUTE, 24 * MINUTE)
        self.weather.recovering = True

    def answers_again(self) -> None:
        """A read gets through; after an outage it is the first."""
        if self.weather.recovering:
            self.weather.recovering = False
            self.fall_behind()

    def fall_behind(self) -> None:
        """Reads show the past, for less time than three looks take, and not soon again."""
        now = self.timeline.now
        if now > self.weather.stale + 3 * MINUTE and now < TROUBLE:
            self.weather.lag = self.fate.between(25 * MINUTE, 60 * MINUTE)
            self.weather.stale = now + self.fate.between(10 * SECOND, 50 * SECOND)

    def _as_of(self) -> int:
        now = self.timeline.now
        return now - self.weather.lag if now < self.weather.stale else now

    # ------------------------------------------------------------------ the call

    def receive(self, call: SignedCall, name: str, only_first: int | None = None) -> Answer:
        """A call arrives: refused as a whole, or answered instance by instance.

        Args:
            call: as sent.
            name: which call it is.
            only_first: the work breaks off after so many instances.
        """
        refusal = self._refusal(call)
        if refusal is not None:
            self.refused += [(name, one, refusal[1]) for one in call.instance_ids]
            return self.says(refusal[0], {"error_code": refusal[1], "error_msg": "refused"})
        ids = call.instance_ids if only_first is None else call.instance_ids[:only_first]
        entries = [self._entry(instance_id, name) for instance_id in ids]
        return self.says(202, {"upgrade_results": entries})

    def _refusal(self, call: SignedCall) -> tuple[int, str] | None:
        now = self.timeline.now
        age = abs(now - span(call.signed_at - instant(0)))
        if now < self.weather.bad_key or (call.fenced and age > SIGNATURE_LIFE):
            return 401, "APIGW.0301"
        if now < self.weather.throttled:
            return 429, "APIGW.0308"
        if any(one in self.machines and self.machines[one].poison for one in call.instance_ids):
            return 400, "DBS.200001"
        return None

    def _entry(self, instance_id: str, call: str) -> dict[str, str]:
        now, machine = self.timeline.now, self.machines.get(instance_id)
        code = None
        if machine is None or (machine.deleted is not None and machine.deleted <= now):
            code = "DBS.200002"
        elif machine.mode == "Single":
            code = "DBS.280342"
        elif not self.fate.traits.permissive and machine.running(now):
            code = "DBS.200011"
        elif not self.fate.traits.permissive and machine.is_current(now):
            code = "DBS.05000008"
        if code is not None or machine is None:
            self.refused.append((call, instance_id, code or ""))
            return {"instance_id": instance_id, "error_code": code or "", "error_message": "no"}
        return {"instance_id": instance_id, "job_id": self.begin(machine, call).job_id}

    def begin(self, machine: Machine, call: str | None) -> Upgrade:
        """Start an upgrade.

        A job that ends soon shows within the time that the fence allows for; one that runs for
        long may show late, since the listing of instances tells of it meanwhile.
        """
        now, fate = self.timeline.now, self.fate
        self._jobs += 1
        length = fate.between(10 * MINUTE, 30 * MINUTE)
        succeeds = not fate.happens(0.12)
        if not succeeds and fate.happens(0.5):
            length = fate.between(20 * SECOND, 5 * MINUTE)
        late = 8 * MINUTE if length >= 10 * MINUTE and fate.happens(0.2) else 100 * SECOND
        hidden = fate.between(0, late) if fate.happens(0.6) else 0
        job_id = f"job-{self._jobs}"
        upgrade = Upgrade(job_id, machine.id, call, now, now + length, succeeds, now + hidden)
        machine.upgrades.append(upgrade)
        self.upgrades.append(upgrade)
        return upgrade

    def says(self, status: int, body: object) -> Answer:
        """An answer, with the cloud's time on it."""
        text = json.dumps(body).encode()
        return Answer(status, {"date": self.date(), "x-request-id": "r"}, text)

    def date(self) -> str:
        """The `Date` header: whole seconds."""
        return instant(self.timeline.now).strftime("%a, %d %b %Y %H:%M:%S GMT")


def started_by(world: CloudWorld, calls: Sequence[str]) -> list[Upgrade]:
    """Upgrades that some of our calls started."""
    return [one for one in world.upgrades if one.call in calls]
