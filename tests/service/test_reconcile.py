"""What becomes of unknown attempts: the real services and client against a cloud with faults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from fakes.lane import POLICY, Lane, a_lane
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core import intake
from offpeakd.core.evidence import Kind
from offpeakd.core.model import State
from offpeakd.emulator.rules import Rule
from offpeakd.ports import Store

FENCE = POLICY.fence
EVERY = POLICY.reconcile_every


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Makes the store, of either kind."""
    opened: list[Store] = []

    def make() -> Store:
        url = f"sqlite:///{tmp_path}/o.db"
        if request.param == "sqlite":
            ensure(url)
        opened.append(MemoryStore("me") if request.param == "memory" else SqlStore(url, "me"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


# --------------------------------------------------------------------------- T10


LOST = ("do-then-504", "do-then-drop", "do-then-reset", "swallow", "empty-202", "cut-202", "html")
"""Faults that do the work and lose the answer."""


@pytest.mark.parametrize("do", LOST)
def test_t10_a_job_of_the_instance_is_adopted_whatever_became_of_the_answer(do: str) -> None:
    with a_lane(Rule(do=do, nth=1)) as lane:
        lane.add(2)
        lane.send()
        assert lane.states() == ["unknown"] * 2

        lane.look()

        assert {one.job_id for one in lane.in_state(State.RUNNING)} == lane.job_ids()


def test_t10_adopting_closes_the_attempt_and_is_told_in_the_history(
    store: Callable[[], Store],
) -> None:
    with a_lane(Rule(do="do-then-500", nth=1), store=store) as lane:
        lane.add(10)
        lane.send()

        done = lane.look()

        assert {one.job_id for one in lane.in_state(State.RUNNING)} == lane.job_ids()
        assert len(lane.job_ids()) == 10
        assert (done.unknown, {one.finding.kind.value for one in done.rulings}) == (0, {"job"})
        assert lane.events()[-1] == "adopted"
        [attempt] = lane.store.attempts(1)
        assert (attempt.result.outcome, attempt.result.resolved_by) == ("accepted", "reconcile")
        assert lane.look().rulings == ()


@pytest.mark.parametrize("do", ["missing-id", "conflict-id", "neither", "both"])
def test_t10_an_entry_that_proves_nothing_is_looked_up_alone(do: str) -> None:
    with a_lane(Rule(do=do, nth=1)) as lane:
        lane.add(5)
        lane.send()
        assert lane.states().count("unknown") == 1

        lane.look()

        assert {one.job_id for one in lane.in_state(State.RUNNING)} == lane.job_ids()


@pytest.mark.parametrize(("share", "state"), [("", "succeeded"), ("broken", "failed")])
def test_t10_a_job_that_has_ended_settles_its_request_at_once(share: str, state: str) -> None:
    with a_lane(Rule(do="do-then-500", nth=1), job_duration=timedelta(seconds=5)) as lane:
        [request] = lane.add(1)
        if share:
            lane.change(request.instance_id, fail_reason="a node broke")
        lane.send()
        lane.later(timedelta(seconds=10))

        lane.look()

        [stands] = lane.in_state()
        assert (stands.state.value, stands.job_id) == (state, lane.job_ids().pop())
        assert lane.events()[-1] == "adopted"


def test_t10_an_upgrade_without_a_visible_job_runs_and_its_job_id_is_taken_when_it_shows() -> None:
    hidden = timedelta(minutes=5)
    with a_lane(Rule(do="do-then-500", nth=1), job_visible_after=hidden) as lane:
        lane.add(1)
        lane.send()

        lane.look()
        [request] = lane.in_state(State.RUNNING)
        assert request.job_id is None
        assert lane.follow_up.run_once().running == 0

        lane.later(hidden)
        lane.look()
        [request] = lane.in_state(State.RUNNING)
        assert {request.job_id} == lane.job_ids()

        lane.later(timedelta(minutes=10))
        assert lane.follow_up.run_once().finished == 1
        assert lane.states() == ["succeeded"]


def test_t10_an_earlier_job_of_the_instance_is_nobodys_evidence() -> None:
    with a_lane(Rule(do="drop-before", nth=2), job_duration=timedelta(seconds=1)) as lane:
        [request] = lane.add(1)
        lane.change(request.instance_id, fail_reason="a node broke")
        lane.send()
        lane.later(timedelta(seconds=2))
        lane.follow_up.run_once()
        assert lane.states() == ["failed"]
        lane.decide(intake.retry(lane.the_one(), lane.clock.now(), "kim", "again"))
        lane.send()
        assert lane.states() == ["unknown"]

        done = lane.look()

        assert [one.finding.kind.value for one in done.rulings] == ["negative"]
        assert lane.states() == ["unknown"]


# --------------------------------------------------------------------------- T11


def test_t11_a_changed_version_without_any_job_succeeds_after_patient_looks() -> None:
    month = timedelta(days=30)
    quick = timedelta(seconds=5)
    with a_lane(Rule(do="do-then-500", nth=1), job_duration=quick, job_visible_after=month) as lane:
        lane.add(1)
        lane.send()
        lane.later(quick * 2)
        lane.look()
        assert lane.states() == ["unknown"]
        lane.later(FENCE)

        lane.looks(POLICY.looks - 1)
        assert lane.states() == ["unknown"]
        lane.look()

        assert lane.states() == ["succeeded"]
        assert lane.store.events(1)[-1].detail["note"] == "no job id seen"


# --------------------------------------------------------------------------- T12


def test_t12_nothing_is_sent_again_before_the_fence_and_every_look_after_it(
    store: Callable[[], Store],
) -> None:
    with a_lane(Rule(do="drop-before", nth=1), store=store) as lane:
        lane.add(3)
        lane.send()
        lane.looks(5)
        assert lane.evidence().negative == 0
        lane.later(FENCE - 5 * EVERY - timedelta(seconds=1))
        lane.look()
        assert (lane.states(), lane.evidence().negative) == (["unknown"] * 3, 0)
        lane.later(timedelta(seconds=2))

        for seen in range(1, POLICY.looks):
            lane.look()
            lane.look()
            assert (lane.states(), lane.evidence().negative) == (["unknown"] * 3, seen)
            lane.later(EVERY)
        lane.look()

        assert lane.states() == ["queued"] * 3
        assert {one.resends for one in lane.in_state()} == {1}
        assert lane.store.attempts(1)[0].result.outcome == "not_started"
        lane.send()
        assert {one.job_id for one in lane.in_state(State.RUNNING)} == lane.job_ids()
        assert max(lane.cloud.world.starts.values()) == 1


def test_t12_looks_are_counted_across_restarts() -> None:
    with a_lane(Rule(do="drop-before", nth=1)) as lane:
        lane.add(1)
        lane.send()
        lane.later(FENCE + timedelta(seconds=1))
        for _ in range(POLICY.looks):
            lane.restart()
            lane.look()
            lane.later(EVERY)

        assert lane.states() == ["queued"]


@pytest.mark.parametrize("answers", [True, False], ids=["nobody-looked", "no-answer"])
def test_t12_looks_from_both_sides_of_an_outage_are_not_added_up(answers: bool) -> None:
    with a_lane(Rule(do="drop-before", nth=1)) as lane:
        lane.add(1)
        lane.send()
        lane.later(FENCE + timedelta(seconds=1))
        lane.looks(POLICY.looks - 1)
        if not answers:
            lane.faults(Rule(do="answer-500", call="instances"))
            lane.looks(1)
            lane.faults()
        lane.later(timedelta(minutes=20))

        for seen in range(1, POLICY.looks):
            lane.looks(1)
            assert (lane.states(), lane.evidence().negative) == (["unknown"], seen)
        lane.look()

        assert lane.states() == ["queued"]


def test_t12_a_call_that_arrives_late_is_found_and_not_sent_again() -> None:
    late = Rule(do="504-then-do", nth=1, wait=timedelta(seconds=90))
    with a_lane(late) as lane:
        lane.add(2)
        lane.send()
        lane.looks(2)
        assert lane.states() == ["unknown"] * 2
        lane.later(timedelta(seconds=90))
        lane.look()

        assert {one.job_id for one in lane.in_state(State.RUNNING)} == lane.job_ids()
        assert max(lane.cloud.world.starts.values()) == 1


@pytest.mark.parametrize("again", ["retried", "added anew"])
def test_t12_what_follows_anothers_job_waits_for_the_own_call(
    again: str, store: Callable[[], Store]
) -> None:
    late = Rule(do="504-then-do", nth=1, wait=timedelta(minutes=14))
    with a_lane(late, store=store, job_duration=timedelta(seconds=5)) as lane:
        [request] = lane.add(1)
        lane.send()
        lane.change(request.instance_id, fail_reason="a node broke")
        lane.cloud.upgrade_elsewhere(request.instance_id)
        lane.later(timedelta(seconds=10))
        lane.look()
        assert lane.states() == ["failed"]
        lane.change(request.instance_id, fail_reason=None)

        if again == "retried":
            lane.decide(intake.retry(lane.the_one(), lane.clock.now(), "ann", "again"))
        else:
            lane.add(1)
        [queued] = lane.in_state(State.QUEUED)
        assert (queued.wait_until, queued.wait_reason) == (
            lane.store.attempts(1)[0].signed_at + FENCE,
            "unanswered-call",
        )

        for _ in range(19):
            lane.send()
            lane.later(timedelta(minutes=1))
        assert len(lane.cloud.world.calls) == 1
        assert lane.in_state(State.QUEUED) == ()


# --------------------------------------------------------------------------- T13


def test_t13_the_second_time_without_a_trace_is_for_a_person() -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        lane.add(1)
        for _ in range(2):
            lane.send()
            lane.later(FENCE + timedelta(seconds=1))
            lane.looks(POLICY.looks)

        [request] = lane.in_state(State.NEEDS_REVIEW)
        assert request.resends == 1
        assert "second time" in (request.error_message or "")
        lane.send()
        assert len(lane.cloud.world.calls) == 2
        assert lane.events()[-1] == "needs_review"


def test_t13_jobs_that_may_not_be_listed_are_for_a_person_after_two_hours() -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        lane.add(1)
        lane.send()
        lane.faults(Rule(do="forbidden", call="jobs"))
        for _ in range(12):
            lane.look()
            assert lane.states() == ["unknown"]
            lane.later(timedelta(minutes=10))
        lane.later(timedelta(seconds=1))
        done = lane.look()

        request = lane.the_one()
        assert request.state is State.NEEDS_REVIEW
        assert "dds:task:listAll" in (request.error_message or "")
        assert done.error is not None
        assert [stop.kind for stop in lane.store.stops()] == ["permission"]


@pytest.mark.parametrize(
    ("do", "call"),
    [("drop-before", "any"), ("answer-500", "instances"), ("unauthorized", "any")],
)
def test_t13_an_outage_of_hours_leaves_nobody_to_a_person_whose_job_is_listed(
    do: str, call: str
) -> None:
    with a_lane(Rule(do="do-then-500", nth=1), job_visible_after=timedelta(seconds=30)) as lane:
        lane.add(3)
        lane.send()
        lane.faults(Rule(do=do, call=call))
        for _ in range(4):
            lane.later(timedelta(minutes=45))
            lane.look()
        assert not lane.in_state(State.NEEDS_REVIEW)

        lane.faults()
        lane.later(timedelta(minutes=10))
        lane.look()

        assert {one.job_id for one in lane.in_state()} == lane.job_ids()
        assert lane.states() == ["succeeded"] * 3


def test_t13_after_an_outage_looks_that_say_nothing_go_on_for_as_long_as_without_it() -> None:
    with a_lane(Rule(do="drop-before", nth=1)) as lane:
        [request] = lane.add(1)
        lane.send()
        lane.change(request.instance_id, status="abnormal")
        lane.look()
        lane.faults(Rule(do="drop-before", call="any"))
        for _ in range(4):
            lane.later(timedelta(minutes=45))
            lane.look()
        lane.faults()
        lane.later(timedelta(minutes=10))
        for _ in range(12):
            lane.look()
            assert lane.states() == ["unknown"]
            lane.later(timedelta(minutes=10))
        lane.look()
        assert lane.states() == ["unknown"]

        lane.later(timedelta(seconds=1))
        lane.look()
        assert lane.states() == ["needs_review"]


def test_t13_two_daemons_whose_clocks_differ_make_no_outage_longer() -> None:
    ahead = timedelta(minutes=14)
    with a_lane(Rule(do="drop-before", nth=1)) as lane, other_daemon(lane, ahead) as other:
        [request] = lane.add(1)
        lane.send()
        lane.change(request.instance_id, status="abnormal")
        lane.look()
        lane.faults(Rule(do="drop-before", call="any"))
        for looker in (other, lane, other, lane):
            looker.look()
            lane.later(timedelta(minutes=10))
            other.later(timedelta(minutes=10))
        assert lane.evidence().said[-1].times == 4
        assert other.client.clock_offset() is None
        lane.faults()
        for _ in range(12):
            lane.look()
            assert lane.evidence().silent == timedelta(minutes=40)
            assert lane.states() == ["unknown"]
            lane.later(timedelta(minutes=10))

        lane.later(timedelta(seconds=1))
        lane.look()
        assert lane.states() == ["needs_review"]


def test_t13_a_refusal_tells_the_time_too() -> None:
    ahead = timedelta(minutes=10)
    with a_lane(Rule(do="drop-before", nth=1)) as lane, other_daemon(lane, ahead) as other:
        lane.add(1)
        lane.send()
        began = lane.clock.now()
        lane.faults(Rule(do="forbidden", call="instances"))
        other.look()

        [said] = lane.evidence().said
        assert said.kind is Kind.INCONCLUSIVE
        assert abs(said.first - began) <= timedelta(seconds=1)


@contextmanager
def other_daemon(lane: Lane, ahead: timedelta) -> Iterator[Lane]:
    """Another one on the same store and cloud, whose wall clock differs."""
    other = Lane(lane.cloud, lane.store, SetClock(lane.clock.now() + ahead))
    try:
        yield other
    finally:
        other.client.close()


@pytest.mark.parametrize("call", ["instances", "jobs"])
def test_t13_reads_that_fail_count_for_nothing_and_take_nothing_back(call: str) -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        lane.add(1)
        lane.send()
        lane.later(FENCE + timedelta(seconds=1))
        lane.look()
        lane.faults(Rule(do="answer-500", call=call))
        lane.later(EVERY)
        done = lane.look()

        assert done.error is not None
        assert lane.evidence().negative == 1
        assert lane.evidence().inconclusive == 0
        assert lane.evidence().said[-1].kind is Kind.UNANSWERED
        assert [stop.kind for stop in lane.store.stops()] == ["unreachable"]

        assert lane.look().stop is not None
        lane.faults()
        lane.later(timedelta(minutes=1))
        lane.looks(2)
        assert lane.states() == ["queued"]
        assert lane.store.stops() == ()


@pytest.mark.parametrize(
    "facts",
    [{"actions": ("RESTARTING",)}, {"status": "abnormal"}, {"status": "frozen"}],
    ids=["busy", "abnormal", "frozen"],
)
def test_t13_an_instance_that_can_be_read_in_two_ways_counts_for_nothing(facts: object) -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        [request] = lane.add(1)
        lane.send()
        lane.later(FENCE + timedelta(seconds=1))
        lane.change(request.instance_id, **cast("dict[str, Any]", facts))
        lane.looks(POLICY.looks + 1)

        assert (lane.states(), lane.evidence().negative) == (["unknown"], 0)
        lane.later(timedelta(hours=2))
        lane.look()
        assert lane.states() == ["needs_review"]


def test_t13_a_deleted_instance_is_for_a_person() -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        [request] = lane.add(1)
        lane.send()
        lane.cloud.remove(request.instance_id)
        lane.looks(POLICY.looks)
        assert lane.states() == ["unknown"]
        lane.later(timedelta(hours=2))
        lane.look()

        assert lane.states() == ["needs_review"]
        assert "no instance of this id" in (lane.the_one().error_message or "")


# --------------------------------------------------------------------------- T15, T16


def test_t15_a_job_that_the_cloud_has_forgotten_is_told_by_the_version() -> None:
    with a_lane(job_duration=timedelta(days=2)) as lane:
        requests = lane.add(3)
        lane.change(requests[1].instance_id, fail_reason="a node broke")
        lane.send()
        # The cloud lists jobs for a month only.
        lane.later(timedelta(days=32))
        lane.faults(Rule(do="answer", call="job", status=404, code="DBS.200001"))
        lane.cloud.remove(requests[2].instance_id)

        lane.look()

        assert lane.states() == ["succeeded", "failed", "needs_review"]
        assert lane.in_state(State.FAILED)[0].error_code == "job-gone"


def test_t16_an_old_job_that_the_cloud_still_shows_goes_on() -> None:
    with a_lane(job_duration=timedelta(days=90)) as lane:
        lane.add(1)
        lane.send()
        lane.later(timedelta(days=32))
        lane.look()

        assert lane.states() == ["running"]


def test_t16_an_adopted_upgrade_whose_job_never_shows_is_told_by_the_version_or_by_a_person() -> (
    None
):
    never = timedelta(days=30)
    with a_lane(Rule(do="do-then-500"), job_visible_after=never) as lane:
        requests = lane.add(2)
        lane.change(requests[1].instance_id, fail_reason="a node broke")
        lane.send()
        lane.look()
        assert [one.job_id for one in lane.in_state(State.RUNNING)] == [None, None]
        lane.later(FENCE)

        lane.looks(POLICY.looks)
        assert lane.states() == ["succeeded", "running"]
        lane.later(timedelta(hours=2))
        lane.look()
        assert lane.states() == ["succeeded", "needs_review"]


# --------------------------------------------------------------------------- few calls


def test_one_listing_and_one_list_of_jobs_serve_every_unknown_request() -> None:
    with a_lane(Rule(do="do-then-500"), instances=40, job_duration=timedelta(hours=1)) as lane:
        lane.add(30)
        for _ in range(3):
            lane.send()
        before = lane.cloud.world.received
        lane.look()
        after = lane.cloud.world.received

        assert lane.states() == ["running"] * 30
        assert (after["instances"] - before["instances"], after["jobs"] - before["jobs"]) == (1, 1)


def test_nothing_unknown_asks_nothing() -> None:
    with a_lane() as lane:
        lane.add(1)
        lane.look()

        assert lane.cloud.world.received == {}


def test_few_unknown_among_many_instances_are_asked_for_one_by_one() -> None:
    with a_lane(Rule(do="drop-before"), instances=250) as lane:
        lane.add(1)
        lane.send()
        lane.look()
        before = lane.cloud.world.received["instances"]
        lane.look()

        assert lane.cloud.world.received["instances"] - before == 1
