"""Lanes come and go with the configuration; none is left with an answer of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from fakes.lane import POLICY, Lane, a_lane
from fakes.memory_store import MemoryStore
from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.lanes import Lanes, TargetLane
from offpeakd.ports import Claim, Limits, Settled
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.progress import Progress
from offpeakd.ticker import AT_MOST, Ticker

Pass = Callable[[], datetime]
DAY = timedelta(days=1)


class Striking(MemoryStore):
    """Fails the next answer where told, and calls back at each claim.

    Attributes:
        taken_along: of each claim, whether an answer came with it.
    """

    full = False
    taken_along: list[bool]
    on_claim: Callable[[], object] = staticmethod(lambda: None)

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        if self.full:
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
        self.taken_along.append(settled is not None)
        self.on_claim()
        return claimed


@dataclass
class Bench:
    lane: Lane
    store: Striking
    lanes: Lanes
    target: TargetLane
    passes: dict[str, Pass]


@contextmanager
def a_bench() -> Iterator[Bench]:
    store = Striking("me")
    store.taken_along = []
    with a_lane(store=lambda: store) as lane:
        stopping = threading.Event()
        progress = Progress(lane.clock)
        ticker = Ticker(lane.clock, stopping, lambda *_: None, progress)
        vitals = Vitals(lane.clock.now(), lane.clock.boottime())
        release = lane.release
        holds = Holds("prod", vitals, store, lane.client, release.inventory, lane.clock, lane.rules)
        target = TargetLane(
            "prod", "one", release, lane.follow_up, lane.reconcile, holds, lane.client.close
        )
        passes: dict[str, Pass] = {}

        def add(name: str, work: Pass, at_most: timedelta = AT_MOST) -> None:
            passes[name] = work
            ticker.add(name, work, at_most)

        lanes = Lanes(
            "me",
            store,
            lane.clock,
            lane.rules,
            stopping,
            progress,
            ticker,
            add,
            {"prod": target},
        )
        lanes.start()
        yield Bench(lane, store, lanes, target, passes)


def test_a_lane_that_is_retired_in_the_middle_of_a_pass_sends_nothing_more() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.store.on_claim = lambda: bench.lanes.retire({})
        bench.passes["release prod"]()

        assert bench.lane.cloud.world.calls == ()
        assert bench.lane.states() == ["queued"] * 12
        assert "another lane" in str(bench.lane.store.events(1)[-1].detail["why"])
        assert bench.lanes.holds() == {}


def test_a_pass_over_a_target_that_the_configuration_no_longer_has_does_nothing() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.lane.rules.rules = replace(bench.lane.rules(), in_flight={})
        bench.passes["release prod"]()

        assert bench.lane.states() == ["queued"] * 12
        assert replace(bench.lane.rules(), calls_per_minute={"prod": 5}).limits("prod") is None


def test_a_lane_that_the_new_configuration_keeps_goes_on() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.lanes.retire({"prod": bench.target})
        bench.lanes.take_in({"prod": bench.target})
        bench.passes["release prod"]()

        assert [len(call.instance_ids) for call in bench.lane.cloud.world.calls] == [10, 2]


def test_what_came_of_a_call_is_stored_with_the_next_claim_and_the_last_by_itself() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.passes["release prod"]()

        assert bench.store.taken_along == [False, True]
        assert bench.lane.states() == ["running"] * 12
        assert bench.lane.job_ids() == {one.job_id for one in bench.lane.in_state()}


def test_a_lane_that_ends_between_two_calls_stores_what_came_of_the_first() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.lane.release.run_once(goes_on=True)
        assert bench.lane.states().count("submitting") == 10
        bench.lanes.stopping.set()
        bench.passes["release prod"]()

        assert sorted(bench.lane.states()) == ["queued"] * 2 + ["running"] * 10


@pytest.mark.parametrize("look", ["instances", "one instance", "jobs", "jobs afresh"])
def test_what_came_of_a_call_is_stored_before_the_cloud_is_looked_at(look: str) -> None:
    with a_bench() as bench:
        release = bench.lane.release
        [one] = bench.lane.add(1)
        release.run_once(goes_on=True)
        bench.lane.later(POLICY.preflight * 2)
        assert bench.lane.states() == ["submitting"]
        looks: dict[str, Callable[[], object]] = {
            "instances": release.inventory.look,
            "one instance": lambda: release.inventory.at_most(
                POLICY.preflight, [one.instance_id], more_to_come=False
            ),
            "jobs": lambda: release.strays.known(
                [replace(one, requested_at=one.requested_at - DAY)]
            ),
            "jobs afresh": lambda: release.strays.fresh([one]),
        }
        looks[look]()

        assert bench.lane.states() == ["running"]


def test_a_claim_that_fails_keeps_what_came_of_the_call_before() -> None:
    with a_bench() as bench:
        bench.lane.add(12)
        bench.lane.release.run_once(goes_on=True)
        bench.store.full = True
        with pytest.raises(DatabaseError):
            bench.passes["release prod"]()
        assert bench.lane.states().count("submitting") == 10

        bench.store.full = False
        bench.passes["release prod"]()
        assert bench.lane.states() == ["running"] * 12
        assert max(bench.lane.cloud.world.starts.values()) == 1


def test_an_answer_that_a_retired_lane_could_not_store_is_stored_for_it() -> None:
    with a_bench() as bench:
        bench.lane.add(1)
        bench.store.full = True
        with pytest.raises(DatabaseError):
            bench.passes["release prod"]()
        bench.lanes.retire({})
        with pytest.raises(DatabaseError):
            bench.lanes.store_answers()
        assert bench.lane.states() == ["submitting"]

        bench.store.full = False
        bench.lanes.store_answers()
        assert bench.lane.states() == ["running"]
        assert bench.lane.job_ids() == {bench.lane.the_one().job_id}


def test_a_lane_at_work_stores_its_own_answers() -> None:
    with a_bench() as bench:
        bench.lane.add(1)
        bench.store.full = True
        with pytest.raises(DatabaseError):
            bench.passes["release prod"]()
        bench.store.full = False
        with bench.target.turn:
            bench.lanes.store_answers()
            assert bench.lane.states() == ["submitting"]
        bench.lanes.store_answers()

        assert bench.lane.states() == ["running"]


def test_every_lane_lists_its_jobs_anew_once_the_store_may_have_lost_something() -> None:
    with a_bench() as bench:
        bench.lane.add(1)
        bench.passes["release prod"]()
        asked = bench.lane.cloud.world.received["jobs"]
        bench.lane.add(2)
        bench.lanes.distrust()
        bench.passes["release prod"]()

        assert bench.lane.cloud.world.received["jobs"] == asked + 1
