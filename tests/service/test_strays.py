"""What the cloud has started and the database has forgotten is taken over, never sent again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from fakes.builders import a_calendar, always, an_id
from fakes.lane import Lane, a_lane
from fakes.memory_rows import Rows
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from fakes.told_cloud import ToldCloud
from offpeakd.adapters.systemd import SystemdNotifier
from offpeakd.core import intake
from offpeakd.core.batch import Batch
from offpeakd.core.change import AttemptResult
from offpeakd.core.errors import CloudUnreachableError, DatabaseError
from offpeakd.core.evidence import EARLIER
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.emulator.rules import Rule
from offpeakd.ports import Claim, DaemonRow, JobPage, Limits, Settled
from offpeakd.service.holds import Vitals
from offpeakd.service.recover import Recover
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.sign_of_life import SignOfLife
from offpeakd.service.strays import SHOWS_WITHIN, Strays

HOUR = timedelta(hours=1)
RULES = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 30}, "c", "z"))


def backup(lane: Lane) -> Rows:
    """A copy of the database as it stands."""
    assert isinstance(lane.store, MemoryStore)
    return lane.store.rows.copied()


def put_back(lane: Lane, rows: Rows) -> None:
    """Start anew on an older copy."""
    lane.store = MemoryStore("me", rows)
    lane.restart()


@pytest.mark.parametrize("ended", [False, True], ids=["still-running", "ended"])
def test_a_restored_backup_sends_nothing_that_the_cloud_has_started(ended: bool) -> None:
    with a_lane(job_duration=HOUR) as lane:
        requests = lane.add(12)
        lane.change(requests[3].instance_id, fail_reason="a node broke")
        old = backup(lane)
        lane.send()
        lane.later(HOUR * 2 if ended else timedelta(minutes=1))

        put_back(lane, old)
        assert lane.states() == ["queued"] * 12
        for _ in range(3):
            lane.send()
        lane.later(SHOWS_WITHIN)
        for _ in range(2):
            lane.send()

        states = ["succeeded"] * 10 + ["running"] * 2 if ended else ["running"] * 12
        if ended:
            states[3] = "failed"
        assert lane.states() == states
        assert {one.job_id for one in lane.in_state()} == lane.job_ids()
        assert set(lane.cloud.world.starts.values()) == {1}
        assert lane.events(1)[-1] == "adopted"
        assert "no request accounts for" in str(lane.store.events(1)[-1].detail["evidence"])


def test_what_a_restored_backup_forgot_is_waited_for_until_it_shows() -> None:
    quick = timedelta(seconds=5)
    with a_lane(job_duration=quick) as lane:
        requests = lane.add(12)
        for one in requests[10:]:
            lane.change(one.instance_id, fail_reason="a node broke")
        old = backup(lane)
        lane.send()
        lane.later(timedelta(minutes=5))
        lane.faults(Rule(do="job-invisible", wait=SHOWS_WITHIN / 2))
        lane.send()
        lane.later(2 * quick)

        put_back(lane, old)
        for _ in range(4):
            lane.send()
        # Of the last two nothing shows: they have failed, and their jobs are not listed yet.
        assert lane.states() == ["succeeded"] * 10 + ["queued"] * 2
        lane.later(SHOWS_WITHIN)
        for _ in range(4):
            lane.send()

        assert lane.states() == ["succeeded"] * 10 + ["failed"] * 2
        assert {one.job_id for one in lane.in_state()} == lane.job_ids()
        assert set(lane.cloud.world.starts.values()) == {1}


def test_a_fault_of_the_store_makes_the_lane_ask_again_what_was_started() -> None:
    with a_lane(job_duration=timedelta(seconds=30)) as lane:
        [first, *_] = lane.add(1)
        lane.change(first.instance_id, fail_reason="a node broke")
        lane.decide(intake.hold(first, lane.clock.now(), "kim", "wait"))
        lane.add(2)
        lane.send()
        # Somebody else's daemon sent it, and the fail-over lost what it wrote.
        lane.cloud.upgrade_elsewhere(first.instance_id)
        lane.later(timedelta(minutes=2))
        held = lane.in_state(State.QUEUED)[0]
        lane.decide(intake.unhold(held, lane.clock.now(), "kim", "go"))
        lane.release.strays.distrust()

        lane.send()

        assert lane.in_state(State.FAILED)[0].id == first.id
        assert lane.cloud.world.starts[first.instance_id] == 1


def test_a_database_error_in_the_lane_is_such_a_fault() -> None:
    class Broken(MemoryStore):
        broken = False

        def stops(self):  # type: ignore[no-untyped-def]  # as the port's
            if self.broken:
                raise DatabaseError("the connection was lost")
            return super().stops()

    store = Broken("me")
    with a_lane(store=lambda: store) as lane:
        lane.add(2)
        lane.send()
        asked = lane.cloud.world.received["jobs"]
        store.broken = True
        with pytest.raises(DatabaseError):
            lane.send()
        store.broken = False
        lane.add(4)
        lane.send()

        assert lane.cloud.world.received["jobs"] == asked + 1


def test_the_list_of_jobs_is_read_once_however_many_batches_follow() -> None:
    with a_lane(instances=25) as lane:
        lane.add(25)
        for _ in range(3):
            lane.send()

        assert lane.states() == ["running"] * 25
        assert lane.cloud.world.received["jobs"] == 1


def test_an_upgrade_that_somebody_else_began_is_taken_over_with_its_job() -> None:
    with a_lane() as lane:
        requests = lane.add(11)
        lane.send()
        job_id = lane.cloud.upgrade_elsewhere(requests[10].instance_id)
        lane.later(timedelta(minutes=2))

        lane.send()

        assert lane.in_state()[10].job_id == job_id
        assert lane.states() == ["running"] * 11


def test_an_upgrade_without_a_visible_job_is_waited_for() -> None:
    with a_lane(job_visible_after=HOUR) as lane:
        [request] = lane.add(1)
        lane.cloud.upgrade_elsewhere(request.instance_id)
        lane.send()

        assert lane.the_one().wait_reason == "instance-busy"


def test_a_failed_job_that_is_known_does_not_stand_in_the_way_of_a_retry() -> None:
    with a_lane(job_duration=timedelta(seconds=1)) as lane:
        [request] = lane.add(1)
        lane.change(request.instance_id, fail_reason="a node broke")
        lane.send()
        lane.later(timedelta(seconds=2))
        lane.follow_up.run_once()
        lane.decide(intake.retry(lane.the_one(), lane.clock.now(), "kim", "again"))
        lane.restart()

        lane.send()

        assert lane.states() == ["running"]
        assert lane.cloud.world.starts[request.instance_id] == 2


@pytest.mark.parametrize(
    ("after", "adopted"), [(EARLIER - timedelta(seconds=1), True), (EARLIER * 2, False)]
)
def test_a_job_from_before_the_request_is_somebody_elses(after: timedelta, adopted: bool) -> None:
    with a_lane(job_duration=timedelta(seconds=1)) as lane:
        instance_id = min(lane.cloud.world.instances)
        lane.change(instance_id, fail_reason="a node broke")
        lane.cloud.upgrade_elsewhere(instance_id)
        lane.later(after)
        lane.add(1)

        lane.send()

        assert (lane.states() == ["failed"]) is adopted


def test_nothing_is_sent_while_the_jobs_can_not_be_listed() -> None:
    with a_lane(Rule(do="forbidden", call="jobs")) as lane:
        lane.add(3)
        lane.send()

        assert lane.cloud.world.calls == ()
        [stop] = lane.store.stops()
        assert stop.kind == "permission"
        assert lane.states() == ["queued"] * 3


def test_a_look_from_before_a_call_is_void_for_the_instances_it_named() -> None:
    busy = Rule(do="refuse-id", nth=1, code="DBS.200019")
    with a_lane(busy, instances=12) as lane:
        lane.add(12)
        lane.send()
        before = lane.cloud.world.received["instances"]
        lane.later(timedelta(seconds=1))
        seen = lane.release.inventory.at_most(
            timedelta(seconds=60), [lane.in_state()[0].instance_id], more_to_come=False
        )

        assert lane.cloud.world.received["instances"] == before + 1
        assert [one.actions for one in seen.values() if one] == [()]


class Tapped(MemoryStore):
    """Tells of a claim that is about to be written."""

    on_claim: Callable[[], object] = staticmethod(lambda: None)

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        self.on_claim()
        return super().claim(batch, limits, settled, ahead)


class Listing(ToldCloud):
    """Lists no job, and tells when it is asked."""

    on_list: Callable[[], None] = staticmethod(lambda: None)

    @override
    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        self.asked.append("jobs")
        self.on_list()
        return JobPage((), full=False)


@contextmanager
def a_forgotten_failure() -> Iterator[tuple[Lane, Tapped, SignOfLife]]:
    """A lane that has read its list, and whose database then forgot a call whose job has failed."""
    store = Tapped("me")
    with a_lane(store=lambda: store, job_duration=timedelta(seconds=30)) as lane:
        life = a_life(lane)
        first, second = lane.add(2)
        lane.change(first.instance_id, fail_reason="a node broke")
        lane.decide(intake.hold(first, lane.clock.now(), "kim", "wait"))
        lane.send()
        assert [one.id for one in lane.in_state(State.RUNNING)] == [second.id]
        lane.decide(intake.unhold(lane.in_state()[0], lane.clock.now(), "kim", "go"))
        life.give()
        old = backup(lane)
        lane.later(timedelta(seconds=15))
        life.give()
        lane.send()
        assert lane.cloud.world.starts[first.instance_id] == 1
        lane.later(timedelta(minutes=2))
        vars(store.rows).update({name: kept for name, kept in vars(old).items() if name != "lock"})
        assert lane.states() == ["queued", "running"]
        yield lane, store, life


def a_life(lane: Lane) -> SignOfLife:
    now = lane.clock.now()
    return SignOfLife(
        DaemonRow("me", "host", 1, "1", ("prod",), now, now, "c"),
        lane.store,
        lane.clock,
        Vitals(now),
        SystemdNotifier.from_environment({}),
        lane.rules,
        dict,
        lost=lane.release.strays.distrust,
    )


def test_a_call_that_a_fail_over_made_the_database_forget_is_not_made_twice() -> None:
    with a_forgotten_failure() as (lane, _, life):
        life.give()
        lane.send()

        assert lane.states() == ["failed", "running"]
        assert set(lane.cloud.world.starts.values()) == {1}


def test_a_batch_that_was_chosen_before_the_loss_was_known_is_not_sent() -> None:
    with a_forgotten_failure() as (lane, store, life):
        store.on_claim = life.give
        lane.send()
        assert lane.events()[-1] == "not_sent"
        store.on_claim = lambda: None
        lane.send()

        assert lane.states() == ["failed", "running"]
        assert set(lane.cloud.world.starts.values()) == {1}


def test_a_list_that_was_being_read_when_the_loss_was_told_is_read_again() -> None:
    clock = SetClock()
    cloud = Listing(clock)
    strays = Strays("prod", MemoryStore(), cloud, clock, RULES)
    waiting = [Request("prod", an_id(1), clock.now())]
    cloud.on_list = strays.distrust
    strays.known(waiting)
    cloud.on_list = lambda: None
    for _ in range(3):
        strays.known(waiting)

    assert cloud.asked == ["jobs"] * 2


def test_a_list_that_can_not_be_read_after_a_loss_leaves_the_old_one_void() -> None:
    clock = SetClock()
    cloud = Listing(clock)
    strays = Strays("prod", MemoryStore(), cloud, clock, RULES)
    waiting = [Request("prod", an_id(1), clock.now())]

    def fail() -> None:
        raise CloudUnreachableError("no answer")

    strays.known(waiting)
    strays.distrust()
    cloud.on_list = fail
    for _ in range(2):
        with pytest.raises(CloudUnreachableError):
            strays.known(waiting)


def test_an_answer_that_a_fail_over_lost_is_found_out_from_the_cloud() -> None:
    with a_lane(job_duration=HOUR) as lane:
        life = a_life(lane)
        lane.add(1)
        life.give()
        lane.send()
        [attempt] = lane.store.attempts(1)
        lost = lane.the_one()
        rows = lane.store.rows  # type: ignore[attr-defined]  # the store's in memory
        # As it was between the claim and the answer.
        rows.put(replace(lost, state=State.SUBMITTING, job_id=None, job_status=None))
        rows.attempts[attempt.id] = replace(attempt, finished_at=None, result=AttemptResult(None))
        rows.open_attempts["prod", lost.instance_id] = attempt.id
        recover = Recover("me", lane.store, lane.clock)
        assert recover.run_once() == 0
        rows.daemons.clear()
        life.give()

        assert recover.run_once() == 1
        lane.looks(3)
        assert lane.states() == ["running"]
        assert lane.the_one().job_id == lost.job_id
