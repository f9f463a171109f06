"""The release's side: what is ready, who gets it, what came of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.wishes import ANSWERED, NOON, OpenStore, accepted, added, batch_of, claimed, moved, wish
from offpeakd.core.batch import BatchResult, as_claimed
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.intake import retry
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import IN_FLIGHT, Request, State
from offpeakd.ports import Claim, Claimed, DaemonRow, Limits, Settled, Store

TICK = timedelta(microseconds=1)


def test_ready_requests_come_by_priority_and_then_by_age(store: Store) -> None:
    first, second, urgent = added(store, wish(9), wish(1), wish(5, priority=1))
    assert store.ready("prod", "default", 10) == (urgent, *sorted((first, second), key=_by_id))
    assert store.ready("prod", "default", 1) == (urgent,)


def test_ready_requests_are_those_of_one_target_and_group(store: Store) -> None:
    added(store, wish(1, target="other"), wish(2, group="late"))
    [mine] = added(store, wish(3))
    assert store.ready("prod", "default", 10) == (mine,)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"held_reason": "CHG-1"}, id="held"),
        pytest.param({"wait_until": NOON, "wait_reason": "retry"}, id="waiting"),
        pytest.param({"state": State.NEEDS_REVIEW}, id="in another state"),
    ],
)
def test_what_isnt_ready_is_neither_offered_nor_claimed(
    store: Store, facts: dict[str, object]
) -> None:
    [one] = added(store, wish(1, **facts))
    assert store.ready("prod", "default", 10) == ()
    assert store.lane("prod", NOON - TICK).ready_groups == ()
    assert not store.claim(batch_of([replace(one, state=State.QUEUED)]))
    assert store.get(one.id) == one


@pytest.mark.parametrize(
    ("early", "ready"),
    [
        pytest.param(TICK, False, id="just before"),
        pytest.param(timedelta(0), True, id="at the instant"),
        pytest.param(-TICK, True, id="just after"),
    ],
)
def test_a_waiting_request_is_made_ready_when_its_time_has_come(
    store: Store, *, early: timedelta, ready: bool
) -> None:
    [one] = added(store, wish(1, wait_until=NOON, wait_reason="retry", wait_detail="why"))
    lane = store.lane("prod", NOON - early)
    assert lane.ready_groups == (("default",) if ready else ())
    assert lane.next_ready_at == (None if ready else NOON)
    waited = replace(one, wait_until=None, wait_reason=None, wait_detail=None)
    assert store.get(one.id) == (waited if ready else one)


def test_nothing_is_made_ready_where_nobody_knows_what_time_it_is(store: Store) -> None:
    [one] = added(store, wish(1, wait_until=NOON, wait_reason="retry", wait_detail="why"))
    lane = store.lane("prod", None)
    assert (lane.ready_groups, lane.next_ready_at) == ((), NOON)
    assert store.get(one.id) == one


def test_a_held_request_isnt_made_ready(store: Store) -> None:
    [one] = added(store, wish(1, wait_until=NOON, held_reason="CHG-1"))
    assert store.lane("prod", NOON).next_ready_at is None
    assert store.get(one.id) == one


def test_a_lane_names_every_group_that_has_something_ready(store: Store) -> None:
    added(store, wish(1, group="b"), wish(2, group="a"), wish(3, group="a"))
    added(store, wish(4, group="c", held_reason="x"), wish(5, group="d", target="other"))
    assert store.lane("prod", NOON).ready_groups == ("a", "b")
    assert store.lane("empty", NOON).ready_groups == ()


def test_of_groups_in_an_order_a_lane_names_the_first_that_has_a_ready_request(
    store: Store,
) -> None:
    added(store, wish(1, group="b"), wish(2, group="c"), wish(3, group="held", held_reason="x"))
    empty = tuple(f"empty-{number}" for number in range(40))
    assert store.lane("prod", NOON, ("c", "b")).ready_groups == ("c",)
    assert store.lane("prod", NOON, ("held", *empty, "b", "c")).ready_groups == ("b",)
    assert store.lane("prod", NOON, ("held", *empty)).ready_groups == ()
    assert store.lane("prod", NOON, ()).ready_groups == ()
    assert store.lane("other", NOON, ("b",)).ready_groups == ()


def test_a_lane_counts_what_is_in_flight(store: Store) -> None:
    one, two, _ = claimed(store, wish(1), wish(2), wish(3))
    store.apply([moved(one, State.UNKNOWN), accepted(two)])
    added(store, wish(4), wish(5, state=State.NEEDS_REVIEW), wish(6, state=State.FAILED))
    assert store.lane("prod", NOON).in_flight == 3
    assert store.lane("other", NOON).in_flight == 0


def test_a_claim_writes_everything_down(store: Store) -> None:
    requests = added(store, wish(1, attempts=2), wish(2))
    batch = batch_of(requests)
    assert store.claim(batch)
    for before, after in zip(requests, as_claimed(batch), strict=True):
        assert store.get(before.id) == after
        [attempt] = store.attempts(before.id)
        assert attempt == store.batch_of(attempt.id)
        assert (attempt.id, attempt.batch_id) == (after.attempt_id, batch.id)
        assert (attempt.instance_id, attempt.owner) == (before.instance_id, "me")
        assert (attempt.signed_at, attempt.fenced) == (NOON, True)
        assert attempt.whole_version == "4.0.3.5"
        assert attempt.result == AttemptResult(None)
        event = store.events(before.id)[-1]
        assert (event.kind, event.state, event.at) == ("submitting", State.SUBMITTING, NOON)
        assert event.detail["windows"] == "weeknights, sunday"
        assert event.detail["config_hash"] == "c0ffee"
        assert event.detail["tzdata_version"] == "2026a"


def test_a_claim_is_all_or_nothing(store: Store) -> None:
    requests = added(store, wish(1), wish(2), wish(3))
    store.apply([_altered(requests[1], held_reason="CHG-1")])
    assert not store.claim(batch_of(requests))
    for one in (requests[0], requests[2]):
        assert store.get(one.id) == one
        assert store.attempts(one.id) == ()
        assert [event.kind for event in store.events(one.id)] == ["added"]
    assert store.claim(batch_of([requests[0], requests[2]]))


def test_a_request_is_claimed_once(store: Store) -> None:
    requests = added(store, wish(1))
    assert store.claim(batch_of(requests, "b1"))
    assert not store.claim(batch_of(requests, "b2"))
    assert len(store.attempts(requests[0].id)) == 1


def test_a_claim_wants_the_attempt_that_was_read(store: Store) -> None:
    [one] = claimed(store, wish(1))
    undone = Change(one, one.moved_to(State.QUEUED, NOON), "not_sent", attempt=_NOT_SENT)
    assert store.apply([undone]) == ()
    assert not store.claim(batch_of([replace(one, state=State.QUEUED, attempt_id=None)], "b2"))
    assert store.claim(batch_of([replace(one, state=State.QUEUED)], "b2"))


def test_a_request_that_changed_its_group_since_isnt_claimed(store: Store) -> None:
    [one] = added(store, wish(1))
    store.apply([_altered(one, group="late")])
    assert not store.claim(batch_of([one]))


def test_two_stores_never_claim_the_same_request(open_store: OpenStore) -> None:
    added(open_store("adder"), *(wish(number) for number in range(60)))

    def drain(name: str) -> list[int]:
        store, taken = open_store(name), list[int]()
        for turn in range(200):
            ready = store.ready("prod", "default", 5)
            if not ready:
                return taken
            if store.claim(batch_of(ready, f"{name}-{turn}", name)):
                taken.extend(one.id for one in ready)
        raise AssertionError("the queue was never drained")

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(drain, ["one", "other"])
    assert sorted(one + other) == sorted(set(one + other))
    assert len(one + other) == 60


def test_a_claim_takes_along_what_came_of_the_call_before(store: Store) -> None:
    before = claimed(store, wish(1), wish(2))
    settled = Settled("b1", ANSWERED, [accepted(one, f"job-{one.id}") for one in before])
    after = batch_of(added(store, wish(3)), "b2")

    assert store.claim(after, None, settled) == Claim(Claimed.TAKEN)
    assert [_state(store, number) for number in (1, 2, 3)] == ["running", "running", "submitting"]
    assert [one.result.job_id for one in store.attempts(1)] == ["job-1"]
    assert [one.kind for one in store.events(1)] == ["added", "submitting", "accepted"]


def test_what_came_of_the_call_before_is_written_where_nothing_is_claimed(store: Store) -> None:
    [before] = claimed(store, wish(1))
    settled = Settled("b1", ANSWERED, [accepted(before)])
    gone = batch_of(added(store, wish(2)), "b2")
    store.apply([moved(gone.requests[0], State.CANCELLED)])

    assert store.claim(gone, None, settled) == Claim(Claimed.NOT_AS_READ)
    assert _state(store, 1) == "running"


def test_a_claim_stands_where_somebody_moved_a_request_of_the_call_before(store: Store) -> None:
    one, other = claimed(store, wish(1), wish(2))
    store.apply([moved(one, State.UNKNOWN)])
    settled = Settled("b1", ANSWERED, [accepted(one), accepted(other)])
    after = batch_of(added(store, wish(3)), "b2")

    assert store.claim(after, None, settled) == Claim(Claimed.TAKEN, lost=(1,))
    assert [_state(store, number) for number in (1, 2, 3)] == ["unknown", "running", "submitting"]


@pytest.mark.parametrize("shares", [False, True], ids=["a command's", "a daemon's"])
def test_a_claim_shows_the_queue_behind_its_batch(store: Store, *, shares: bool) -> None:
    if shares:
        row = DaemonRow("me", "host", 1, "1.0", ("prod",), NOON, NOON, "c0ffee")
        assert store.beat(row, new_term=True)
    [one, *_] = added(store, *(wish(number) for number in range(1, 5)))
    waits = NOON + timedelta(minutes=1)
    added(store, wish(5, wait_until=waits), wish(6, group="other"), wish(7, target="else"))
    store.put_stop(Stop("prod", "throttled", "slow down", "offpeakd", NOON, waits))
    store.put_stop(Stop("else", "pause", "not now", "ada", NOON))

    claim = store.claim(batch_of([one], "b1"), Limits(30, 10), ahead=2)

    assert claim
    assert claim.behind is not None
    assert [stop.reason for stop in claim.behind.stops] == ["slow down"]
    behind = claim.behind.read()
    assert behind == store.lane("prod", None, ["default"], 2)
    assert behind is not None
    assert behind.first is not None
    assert [request.id for request in behind.first] == [2, 3]
    assert (behind.in_flight, behind.next_ready_at) == (1, waits)


def test_a_claim_shows_that_nothing_is_left_in_its_group(store: Store) -> None:
    [one] = added(store, wish(1))
    added(store, wish(2, group="other"))

    claim = store.claim(batch_of([one], "b1"), ahead=5)

    assert claim.behind is not None
    assert claim.behind.read() == Lane("prod", (), None, 1, (), ())


def test_a_claim_that_was_not_taken_shows_nothing(store: Store) -> None:
    [one] = claimed(store, wish(1))
    added(store, wish(2))

    assert store.claim(batch_of([one], "b2"), ahead=5) == Claim(Claimed.NOT_AS_READ)


def test_what_came_of_the_call_before_is_settled_whatever_a_claim_shows(store: Store) -> None:
    before = claimed(store, wish(1), wish(2))
    settled = Settled("b1", ANSWERED, [accepted(one) for one in before])
    store.begin_record(settled)
    [after, _] = added(store, wish(3), wish(4))

    claim = store.claim(batch_of([after], "b2"), None, settled, ahead=5)

    assert (claim.standing, claim.lost) == (Claimed.TAKEN, ())
    assert claim.behind is not None
    behind = claim.behind.read()
    assert behind is not None
    assert behind.first is not None
    assert [request.id for request in behind.first] == [4]
    assert [_state(store, number) for number in (1, 2, 3)] == ["running", "running", "submitting"]


def test_what_came_of_a_call_is_written_with_its_attempts_and_events(store: Store) -> None:
    one, two = claimed(store, wish(1), wish(2))
    refused = Change(
        two,
        two.moved_to(State.FAILED, NOON, error_code="DBS.1", finished_at=NOON),
        "refused",
        "offpeakd",
        {"status": 404, "text": "né à l'été"},
        AttemptResult("refused", error_code="DBS.1", error_message="no", resolved_by="answer"),
    )
    assert store.record("b1", ANSWERED, [accepted(one, "job-1"), refused]) == ()
    assert store.get(one.id) == accepted(one, "job-1").after
    assert store.get(two.id) == refused.after
    [attempt] = store.attempts(one.id)
    assert attempt.result == AttemptResult("accepted", "job-1")
    assert (attempt.sent_at, attempt.finished_at) == (NOON, NOON)
    assert (attempt.http_status, attempt.cloud_request_id) == (202, "req-1")
    assert store.attempts(two.id)[0].result == refused.attempt
    event = store.events(two.id)[-1]
    assert (event.kind, event.detail) == ("refused", {"status": 404, "text": "né à l'été"})


def test_the_call_of_an_unclear_answer_stays_open(store: Store) -> None:
    [one] = claimed(store, wish(1))
    unclear = Change(
        one,
        one.moved_to(State.UNKNOWN, NOON, unknown_since=NOON),
        "unclear",
        attempt=AttemptResult(None, error_message="time-out"),
    )
    assert store.record("b1", BatchResult("unclear", NOON, sent_at=NOON), [unclear]) == ()
    [attempt] = store.attempts(one.id)
    assert (attempt.sent_at, attempt.finished_at) == (NOON, None)
    assert attempt.result == AttemptResult(None, error_message="time-out")


def test_a_lost_race_is_reported_and_the_others_are_written(store: Store) -> None:
    one, two, three = claimed(store, wish(1), wish(2), wish(3))
    store.apply([moved(two, State.UNKNOWN, "abandoned")])
    assert store.record("b1", ANSWERED, [accepted(x) for x in (one, two, three)]) == (two.id,)
    states = [_state(store, x.id) for x in (one, two, three)]
    assert states == [State.RUNNING, State.UNKNOWN, State.RUNNING]
    assert store.attempts(two.id)[0].result == AttemptResult(None)
    assert [event.kind for event in store.events(two.id)] == ["added", "submitting", "abandoned"]
    assert store.attempts(one.id)[0].http_status == 202


def test_two_changes_of_one_request_are_written_one_after_the_other(store: Store) -> None:
    [request] = added(store, wish(1))
    held = replace(request, held_reason="wait")
    longer = replace(held, held_reason="wait on")
    changes = [Change(request, held, "held", "ann"), Change(held, longer, "held", "bob")]
    assert store.apply(changes) == ()
    assert store.get(request.id) == longer
    assert [event.actor for event in store.events(request.id)][1:] == ["ann", "bob"]


def test_a_change_of_an_unknown_request_is_lost(store: Store) -> None:
    assert store.apply([moved(wish(1, id=4711), State.CANCELLED)]) == (4711,)


def test_a_change_without_an_event_appends_none(store: Store) -> None:
    [one] = added(store, wish(1))
    assert store.apply([_altered(one, event="", group="late")]) == ()
    assert _state(store, one.id) is State.QUEUED
    assert [event.kind for event in store.events(one.id)] == ["added"]


def test_a_change_leaves_alone_what_it_doesnt_alter(store: Store) -> None:
    [one] = added(store, wish(1))
    assert store.apply([_altered(one, priority=7)]) == ()
    assert store.apply([_altered(one, group="late")]) == ()
    assert store.get(one.id) == replace(one, priority=7, group="late")


def test_no_changes_are_none_lost(store: Store) -> None:
    assert store.apply([]) == ()


@pytest.mark.parametrize(
    ("late", "found"),
    [
        pytest.param(-TICK, False, id="just before"),
        pytest.param(timedelta(0), True, id="at the instant"),
        pytest.param(TICK, True, id="just after"),
    ],
)
def test_a_queued_request_is_overdue_from_its_deadline_on(
    store: Store, *, late: timedelta, found: bool
) -> None:
    one, _, _ = added(
        store,
        wish(1, deadline=NOON, held_reason="x"),
        wish(2, deadline=NOON, state=State.NEEDS_REVIEW),
        wish(3),
    )
    assert store.overdue_requests(NOON + late, 10) == ((one,) if found else ())


def test_what_is_in_flight_is_paged_by_id(store: Store) -> None:
    one, two, three = claimed(store, wish(1), wish(2), wish(3))
    assert store.in_flight("prod", IN_FLIGHT, 0, 2) == (one, two)
    assert store.in_flight("prod", IN_FLIGHT, two.id, 2) == (three,)
    assert store.in_flight("prod", frozenset({State.RUNNING}), 0, 9) == ()
    assert store.in_flight("other", IN_FLIGHT, 0, 9) == ()


def test_an_attempt_of_another_run_is_abandoned_and_ones_own_is_not(store: Store) -> None:
    one, two = claimed(store, wish(1), wish(2))
    store.apply([accepted(two)])
    assert store.abandoned("me", 10) == ()
    assert store.abandoned("the next run", 10) == (one,)
    assert store.abandoned("the next run", 0) == ()


def test_an_unknown_attempt_is_none(store: Store) -> None:
    assert store.batch_of("nothing") is None


_NOT_SENT = AttemptResult("not_sent", resolved_by="answer")


def _by_id(one: Request) -> int:
    return one.id


def _state(store: Store, number: int) -> State | None:
    found = store.get(number)
    return None if found is None else found.state


def _altered(one: Request, event: str = "changed", **facts: object) -> Change:
    return Change(one, replace(one, **facts), event)  # type: ignore[arg-type]  # `replace` checks names


def test_the_jobs_of_an_instance_are_those_of_its_requests_and_their_attempts(
    store: Store,
) -> None:
    first, second, silent = added(store, wish(1), wish(2), wish(3))
    batch = batch_of([first, second])
    assert store.claim(batch)
    one, two = as_claimed(batch)
    store.record(batch.id, ANSWERED, [accepted(one, "job-1"), accepted(two, "job-2")])
    ids = [first.instance_id, second.instance_id, silent.instance_id]
    assert store.known_jobs(first.target, ids) == {
        first.instance_id: {"job-1"},
        second.instance_id: {"job-2"},
    }
    assert store.known_jobs("elsewhere", ids) == {}
    assert store.known_jobs(first.target, []) == {}


def test_a_retry_does_not_make_a_job_unknown_that_no_attempt_began(store: Store) -> None:
    (queued,) = added(store, wish(1))
    adopted = queued.moved_to(State.FAILED, NOON, job_id="job-1", finished_at=NOON)
    store.apply([Change(queued, adopted, "adopted", detail={"job_id": "job-1"})])
    again = retry(adopted, NOON, "kim", "mended")
    assert isinstance(again, Change)
    store.apply([again])

    stands = store.get(queued.id)
    assert stands is not None
    assert (stands.state, stands.job_id) == (State.QUEUED, None)
    known = store.known_jobs(queued.target, [queued.instance_id])
    assert known == {queued.instance_id: {"job-1"}}
