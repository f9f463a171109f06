"""A lane whose store fails at the worst moment."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from typing_extensions import override

from fakes.builders import a_calendar, always
from fakes.memory_store import MemoryStore
from offpeakd import app
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.ports import Claim, Filter, Limits, Settled
from offpeakd.service.inventory import Inventory
from offpeakd.service.release import Release
from offpeakd.service.rules import CurrentRules, Rules


class FullDisk(MemoryStore):
    """Refuses writes while it is full; a claim may be committed all the same."""

    full_at = ""

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        if self.full_at == "record":
            raise DatabaseError("the disk is full")
        return super().record(batch_id, result, changes)

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        claimed = super().claim(batch, limits, settled, ahead)
        if self.full_at == "claim":
            raise DatabaseError("the connection was lost at COMMIT")
        return claimed


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    settings = EmulatorSettings(instances=12, mix=ORDINARY, job_duration=timedelta(minutes=1))
    with Emulator(settings, app.system_clock()) as emulator:
        yield emulator


@pytest.fixture
def store() -> FullDisk:
    return FullDisk("me")


@pytest.fixture
def lane(cloud: Emulator, store: FullDisk) -> Iterator[Callable[[], object]]:
    """One pass of the lane over a queue of twelve."""
    clock = app.system_clock()
    given = cloud.settings
    address = Address("prod", "eu-west-101", given.project_id, cloud.url, cloud.url, 600)
    keys = {"HUAWEICLOUD_SDK_AK": given.access_key, "HUAWEICLOUD_SDK_SK": given.secret_key}
    client = DdsCloud(address, open_credentials(EnvironmentKeys(), address, clock, keys), clock)
    rules = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 30}, "c", "z"))
    store.add([Request("prod", one, clock.now()) for one in cloud.world.instances], "test")
    inventory = Inventory("prod", client, store, clock)
    release = Release(
        "prod", "me", store, client, inventory, clock, rules, lambda: (), threading.Event()
    )
    yield release.run_once
    client.close()


def standing(store: FullDisk, state: State) -> tuple[Request, ...]:
    return store.page(Filter(states=frozenset({state})), 0, 100)


def test_an_answer_that_can_not_be_stored_is_kept_and_nothing_more_is_sent(
    cloud: Emulator, store: FullDisk, lane: Callable[[], object]
) -> None:
    store.full_at = "record"
    for _ in range(3):
        with pytest.raises(DatabaseError, match="the disk is full"):
            lane()

    assert len(cloud.world.calls) == 1
    assert len(standing(store, State.SUBMITTING)) == 10

    store.full_at = ""
    lane()
    assert {one.job_id for one in standing(store, State.RUNNING)} == {
        job.id for job in cloud.world.jobs
    }
    assert max(cloud.world.starts.values()) == 1


def test_a_claim_that_may_not_have_been_written_is_not_sent_and_taken_back(
    cloud: Emulator, store: FullDisk, lane: Callable[[], object]
) -> None:
    store.full_at = "claim"
    with pytest.raises(DatabaseError, match="lost at COMMIT"):
        lane()

    assert cloud.world.calls == ()
    store.full_at = ""
    lane()
    assert len(standing(store, State.RUNNING)) == 10
    assert {one.attempts for one in standing(store, State.RUNNING)} == {1}
