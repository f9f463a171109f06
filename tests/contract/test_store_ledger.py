"""The people's side: asking, looking, deciding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fakes.wishes import NOON, accepted, added, batch_of, claimed, instance_id, moved, wish
from offpeakd.core.change import AttemptResult
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter, Store

YEAR = timedelta(days=365)


def test_a_request_comes_back_as_it_was_given(store: Store) -> None:
    given = wish(
        1,
        group="late",
        priority=-3,
        reason="né à l'été — 升级",
        requested_by="o'hara",
        not_before=NOON + YEAR,
        deadline=NOON + 2 * YEAR,
        held_reason="CHG-1",
        wait_until=NOON + YEAR,
        wait_reason="not-before",
        wait_detail="until then",
        cohort="c",
    )
    [one] = store.add([given], "ann")
    assert one.new
    assert one.request == replace(given, id=one.request.id)
    assert store.get(one.request.id) == one.request
    [event] = store.events(one.request.id)
    assert (event.kind, event.actor, event.at) == ("added", "ann", NOON)
    assert (event.state, event.detail) == (State.QUEUED, {})


def test_instants_come_back_in_utc_to_the_microsecond(store: Store) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=8)))
    [one] = added(store, wish(1, requested_at=elsewhere, deadline=datetime(9999, 1, 1, tzinfo=UTC)))
    found = store.get(one.id)
    assert found is not None
    assert (found.requested_at, found.requested_at.tzinfo) == (NOON, UTC)
    assert found.deadline == datetime(9999, 1, 1, tzinfo=UTC)


def test_an_instance_with_a_live_request_keeps_that_one(store: Store) -> None:
    [first] = added(store, wish(1))
    again, other = store.add([wish(1, reason="again"), wish(2)], "bob")
    assert (again.request, again.new) == (first, False)
    assert other.new
    assert [event.actor for event in store.events(first.id)] == ["ann"]


def test_an_instance_named_twice_is_added_once(store: Store) -> None:
    one, two, three = store.add([wish(1), wish(2), wish(1)], "ann")
    assert (one.new, two.new, three.new) == (True, True, False)
    assert three.request == one.request


def test_the_same_id_in_another_target_is_another_instance(store: Store) -> None:
    one, two = store.add([wish(1), wish(1, target="other")], "ann")
    assert one.new
    assert two.new


def test_an_instance_whose_request_has_ended_may_be_asked_for_again(store: Store) -> None:
    [one] = added(store, wish(1))
    store.apply([moved(one, State.CANCELLED, finished_at=NOON)])
    [again] = store.add([wish(1)], "ann")
    assert again.new
    assert store.latest(one.instance_id) == again.request


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED, State.SUCCEEDED])
def test_a_new_request_waits_while_a_call_for_its_instance_may_still_arrive(
    store: Store, end: State
) -> None:
    soon, later = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    over = NOON - timedelta(days=1)
    for fence in (later, soon, over, None):
        [one] = added(store, wish(1, state=end, fenced_until=fence))
        assert one.state is end
    added(store, wish(2, state=end, fenced_until=over))
    added(store, wish(1, target="other", state=end, fenced_until=later + soon.resolution))

    first, second = added(store, wish(1), wish(2))

    assert (first.fenced_until, first.wait_until, first.wait_reason) == (
        later,
        later,
        "unanswered-call",
    )
    assert store.get(first.id) == first
    assert store.ready("prod", "default", 10) == (second,)
    assert (second.fenced_until, second.wait_until) == (None, None)


def test_a_fence_goes_along_though_it_is_over_by_the_clock_of_who_adds(store: Store) -> None:
    added(store, wish(1, state=State.FAILED, fenced_until=NOON))

    [again] = added(store, wish(1, requested_at=NOON + timedelta(minutes=20)))

    assert (again.fenced_until, again.wait_until, again.wait_reason) == (NOON, None, None)
    assert store.get(again.id) == again


@pytest.mark.parametrize(
    "state", [State.SUBMITTING, State.UNKNOWN, State.RUNNING, State.NEEDS_REVIEW]
)
def test_every_live_state_keeps_a_second_request_out(store: Store, state: State) -> None:
    [one] = added(store, wish(1, state=state))
    assert [(x.request, x.new) for x in store.add([wish(1)], "ann")] == [(one, False)]


def test_adding_is_all_or_nothing(store: Store) -> None:
    many = [wish(number) for number in range(2500)]
    spoilt = wish(2500, requested_at=NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="names no zone"):
        store.add([*many, spoilt], "ann")
    assert store.counts() == {}
    assert store.page(Filter(), 0, 10) == ()


def test_ten_thousand_are_added_at_once_and_answered_in_their_order(store: Store) -> None:
    many = [wish(number) for number in range(10_000, 0, -1)]
    answers = store.add(many, "ann")
    assert [one.request.instance_id for one in answers] == [one.instance_id for one in many]
    assert all(one.new for one in answers)
    assert store.counts() == {("prod", State.QUEUED): 10_000}
    assert not any(one.new for one in store.add(many[:1500], "ann"))


def test_nothing_asked_for_is_nothing_added(store: Store) -> None:
    assert store.add([], "ann") == ()


def test_what_isnt_there_is_none(store: Store) -> None:
    assert store.get(1) is None
    assert store.latest(instance_id(1)) is None
    assert store.events(1) == ()
    assert store.attempts(1) == ()
    assert store.counts() == {}


def test_the_latest_request_of_an_instance_is_its_live_one_or_the_last(store: Store) -> None:
    [old] = added(store, wish(1))
    store.apply([moved(old, State.CANCELLED)])
    [newer] = added(store, wish(1))
    assert store.latest(old.instance_id) == newer
    gone = moved(newer, State.CANCELLED)
    store.apply([gone])
    assert store.latest(old.instance_id) == gone.after


def test_a_retried_failure_is_the_live_one_though_a_later_request_ended(store: Store) -> None:
    [failed] = claimed(store, wish(1))
    store.apply([moved(failed, State.FAILED, finished_at=NOON)])
    [later] = added(store, wish(1))
    store.apply([moved(later, State.CANCELLED)])
    retried = replace(failed, state=State.FAILED, finished_at=NOON, changed_at=NOON)
    store.apply([moved(retried, State.QUEUED)])
    found = store.latest(failed.instance_id)
    assert found is not None
    assert (found.id, found.state) == (failed.id, State.QUEUED)


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        pytest.param(Filter(), [1, 2, 3, 4, 5, 6], id="all"),
        pytest.param(Filter(states=frozenset({State.QUEUED})), [1, 2, 4], id="a state"),
        pytest.param(
            Filter(states=frozenset({State.QUEUED, State.FAILED})), [1, 2, 3, 4, 6], id="states"
        ),
        pytest.param(Filter(targets=frozenset({"other"})), [4, 5, 6], id="a target"),
        pytest.param(Filter(groups=frozenset({"late"})), [2, 5], id="a group"),
        pytest.param(
            Filter(targets=frozenset({"prod"}), groups=frozenset({"late"})), [2], id="both"
        ),
        pytest.param(Filter(instance_id=instance_id(1)), [1, 4], id="an instance"),
        pytest.param(
            Filter(instance_id=instance_id(1), targets=frozenset({"other"})), [4], id="one of them"
        ),
        pytest.param(Filter(follow_up=True), [3, 5], id="for a person"),
        pytest.param(
            Filter(follow_up=True, targets=frozenset({"other"})), [5], id="a target's for a person"
        ),
        pytest.param(Filter(follow_up=True, states=frozenset({State.FAILED})), [3], id="failures"),
        pytest.param(Filter(targets=frozenset({"nowhere"})), [], id="no such target"),
    ],
)
def test_a_listing_shows_what_its_filter_lets_through(
    store: Store, which: Filter, numbers: list[int]
) -> None:
    stored = added(
        store,
        wish(1),
        wish(2, group="late"),
        wish(3, state=State.FAILED),
        wish(1, target="other"),
        wish(5, target="other", group="late", state=State.NEEDS_REVIEW),
        wish(6, target="other", state=State.FAILED, acknowledged_by="bob"),
    )
    in_order = sorted(stored, key=lambda one: one.id)
    wanted = [one for place, one in enumerate(stored, 1) if place in numbers]
    assert store.page(which, 0, 100) == tuple(one for one in in_order if one in wanted)


def test_the_follow_up_list_shows_what_takes_too_long(store: Store) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    unknown, running = added(
        store,
        wish(1, state=State.UNKNOWN, unknown_since=long_ago),
        wish(2, state=State.RUNNING, submitted_at=long_ago),
    )
    far_ahead = datetime(2200, 1, 1, tzinfo=UTC)
    added(
        store,
        wish(3, state=State.UNKNOWN, unknown_since=far_ahead),
        wish(4, state=State.RUNNING, submitted_at=far_ahead),
        wish(5, state=State.SUBMITTING),
    )
    assert store.page(Filter(follow_up=True), 0, 9) == (unknown, running)


@pytest.mark.parametrize(
    "which",
    [Filter(), Filter(states=frozenset({State.QUEUED, State.FAILED}))],
    ids=["all", "filtered"],
)
def test_pages_follow_each_other_without_gap_or_overlap(store: Store, which: Filter) -> None:
    states = (State.QUEUED, State.FAILED)
    stored = added(store, *(wish(n, state=states[n % 2], target=f"t{n % 3}") for n in range(25)))
    seen: list[Request] = []
    after = 0
    while page := store.page(which, after, 10):
        seen.extend(page)
        after = page[-1].id
    assert seen == sorted(stored, key=lambda one: one.id)


def test_counts_are_by_target_and_state(store: Store) -> None:
    one, two = claimed(store, wish(1), wish(2))
    added(store, wish(3), wish(4, target="other"))
    store.apply([accepted(one)])
    assert store.counts() == {
        ("prod", State.QUEUED): 1,
        ("prod", State.SUBMITTING): 1,
        ("prod", State.RUNNING): 1,
        ("other", State.QUEUED): 1,
    }
    assert two.state is State.SUBMITTING


def test_ahead_of_a_request_go_those_of_its_group_with_a_better_place(store: Store) -> None:
    _, mine, *_ = added(
        store,
        wish(1),
        wish(2),
        wish(3),
        wish(4, priority=1),
        wish(5, priority=200),
        wish(6, priority=1, held_reason="x"),
        wish(7, priority=1, group="late"),
        wish(8, priority=1, target="other"),
    )
    assert store.ahead_of(mine) == 2


def test_a_history_is_told_from_the_oldest_on(store: Store) -> None:
    [one] = claimed(store, wish(1))
    back = moved(one, State.QUEUED, "not sent")
    store.apply([replace(back, attempt=AttemptResult("not_sent"))])
    again = batch_of([back.after], "b2")
    assert store.claim(replace(again, signed_at=NOON + timedelta(minutes=1)))
    assert [event.kind for event in store.events(one.id)] == [
        "added",
        "submitting",
        "not sent",
        "submitting",
    ]
    assert [attempt.batch_id for attempt in store.attempts(one.id)] == ["b1", "b2"]
