"""The daemon is told to stop at each step of a release: nothing is sent, or nothing is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from fakes.builders import a_calendar, always
from offpeakd import app
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Instance
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.ports import Claim, Filter, SignedCall, UpgradeAnswer
from offpeakd.service.inventory import Inventory
from offpeakd.service.release import Release
from offpeakd.service.rules import CurrentRules, Rules

BEFORE_THE_FIRST_BYTE = ("look", "after the look", "signing", "claim", "after the claim", "gate")
AFTER_IT = ("in flight", "recording", "after it")


@dataclass
class Steps:
    """Sets the daemon's stop when a step is reached."""

    at: str
    stopping: threading.Event = field(default_factory=threading.Event)

    def reach(self, step: str) -> None:
        if step == self.at:
            self.stopping.set()


class SteppedCloud(DdsCloud):
    steps: Steps

    @override
    def list_instances(self) -> tuple[Instance, ...]:
        self.steps.reach("look")
        seen = super().list_instances()
        self.steps.reach("after the look")
        return seen

    @override
    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        self.steps.reach("signing")
        return super().sign_upgrade(instance_ids)

    @override
    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        def asked() -> str | None:
            self.steps.reach("gate")
            veto = gate()
            self.steps.reach("in flight")
            return veto

        return super().send(call, asked, meanwhile)


class SteppedStore(SqlStore):
    steps: Steps

    @override
    def claim(self, batch: Batch, *more: object, **facts: object) -> Claim:
        self.steps.reach("claim")
        claimed = super().claim(batch, *more, **facts)  # type: ignore[arg-type] # passed on as is
        self.steps.reach("after the claim")
        return claimed

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        self.steps.reach("recording")
        lost = super().record(batch_id, result, changes)
        self.steps.reach("after it")
        return lost


@dataclass
class Ended:
    """How it stood when the lane had come to rest."""

    calls: int
    states: dict[State, int]
    jobs: set[str | None]
    started: set[str]


@contextmanager
def a_stopped_lane(file: Path, at: str) -> Iterator[Ended]:
    clock = app.system_clock()
    settings = EmulatorSettings(instances=12, mix=ORDINARY, job_duration=timedelta(minutes=1))
    ensure(f"sqlite:///{file}")
    store = SteppedStore(f"sqlite:///{file}", "me")
    with Emulator(settings, clock) as server:
        address = Address("prod", "eu-west-101", settings.project_id, server.url, server.url, 600)
        keys = {
            "HUAWEICLOUD_SDK_AK": settings.access_key,
            "HUAWEICLOUD_SDK_SK": settings.secret_key,
        }
        cloud = SteppedCloud(
            address, open_credentials(EnvironmentKeys(), address, clock, keys), clock
        )
        cloud.steps = store.steps = steps = Steps(at)
        rules = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 30}, "c", "z"))
        inventory = Inventory("prod", cloud, store, clock)
        release = Release(
            "prod", "me", store, cloud, inventory, clock, rules, lambda: (), steps.stopping
        )
        store.add([Request("prod", one, clock.now()) for one in server.world.instances], "ann")
        while not steps.stopping.is_set():
            release.run_once()
        rows = store.page(Filter(), 0, 100)
        states = dict.fromkeys((State.QUEUED, State.RUNNING), 0)
        for row in rows:
            states[row.state] = states.get(row.state, 0) + 1
        world = server.world
        yield Ended(
            len(world.calls),
            states,
            {row.job_id for row in rows if row.job_id},
            {job.id for job in world.jobs},
        )
    cloud.close()
    store.close()


@pytest.mark.parametrize("step", BEFORE_THE_FIRST_BYTE)
def test_a_stop_before_the_first_byte_sends_nothing(tmp_path: Path, step: str) -> None:
    with a_stopped_lane(tmp_path / "queue.db", step) as ended:
        assert ended.calls == 0
        assert ended.states == {State.QUEUED: 12, State.RUNNING: 0}


@pytest.mark.parametrize("step", AFTER_IT)
def test_a_stop_after_the_first_byte_waits_for_the_answer_and_stores_it(
    tmp_path: Path, step: str
) -> None:
    with a_stopped_lane(tmp_path / "queue.db", step) as ended:
        assert ended.calls == 1
        assert ended.states == {State.QUEUED: 2, State.RUNNING: 10}
        assert ended.jobs == ended.started
        assert len(ended.jobs) == 10
