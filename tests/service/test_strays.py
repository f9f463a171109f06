"""What the cloud has started and the database has forgotten is taken over, never sent again."""

from copy import deepcopy
from datetime import timedelta

import pytest

from fakes.lane import Lane, a_lane
from fakes.memory_rows import Rows
from fakes.memory_store import MemoryStore
from offpeakd.core import intake
from offpeakd.core.errors import DatabaseError
from offpeakd.core.evidence import EARLIER
from offpeakd.core.model import State
from offpeakd.emulator.rules import Rule

HOUR = timedelta(hours=1)


def backup(lane: Lane) -> Rows:
    """A copy of the database as it stands."""
    assert isinstance(lane.store, MemoryStore)
    rows = lane.store.rows
    lock, rows.lock = rows.lock, None  # type: ignore[assignment]  # a lock can't be copied
    copied = deepcopy(rows)
    copied.lock = rows.lock = lock
    return copied


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

        states = ["succeeded"] * 10 + ["running"] * 2 if ended else ["running"] * 12
        if ended:
            states[3] = "failed"
        assert lane.states() == states
        assert {one.job_id for one in lane.in_state()} == lane.job_ids()
        assert set(lane.cloud.world.starts.values()) == {1}
        assert lane.events(1)[-1] == "adopted"
        assert "no request accounts for" in str(lane.store.events(1)[-1].detail["evidence"])


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
