"""Stops, signs of life, what is known of instances, and forgetting."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.wishes import NOON, accepted, added, claimed, instance_id, moved, wish
from offpeakd.core.lane import Stop
from offpeakd.core.model import State
from offpeakd.core.seen import Instance
from offpeakd.ports import DaemonRow, Filter, Store

TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
PAUSE = Stop("prod", "pause", "CHG-1", "ann", NOON)
THROTTLED = Stop("prod", "throttled", "HTTP 429", "offpeakd", NOON, NOON + MINUTE, 2)
EVERYWHERE = Stop("*", "pause", "moving", "bob", NOON)


def test_a_stop_holds_until_it_is_lifted(store: Store) -> None:
    for stop in (PAUSE, THROTTLED, EVERYWHERE, replace(PAUSE, scope="other")):
        store.put_stop(stop)
    assert store.stops() == (EVERYWHERE, replace(PAUSE, scope="other"), PAUSE, THROTTLED)
    assert store.lane("prod", NOON).stops == (EVERYWHERE, PAUSE, THROTTLED)
    assert store.lift_stop("prod", frozenset({"pause", "permission"}), "ann", "done") == 1
    assert store.lift_stop("prod", frozenset({"pause"}), "ann", "done") == 0
    assert store.lane("prod", NOON).stops == (EVERYWHERE, THROTTLED)


def test_a_newer_stop_of_the_same_kind_replaces_the_older(store: Store) -> None:
    store.put_stop(THROTTLED)
    newer = replace(THROTTLED, count=3, until=NOON + 5 * MINUTE)
    store.put_stop(newer)
    assert store.stops() == (newer,)


def test_the_highest_time_seen_never_falls_and_is_no_stop(store: Store) -> None:
    assert store.high_water(NOON) == NOON
    assert store.high_water(NOON - MINUTE) == NOON
    assert store.high_water(NOON + MINUTE) == NOON + MINUTE
    assert store.stops() == ()
    assert store.lane("prod", NOON).stops == ()
    assert store.lift_stop("*", frozenset({"high-water"}), "ann", "no") == 0


def _daemon(owner: str, beat_at: timedelta = timedelta(0)) -> DaemonRow:
    return DaemonRow(
        owner, "host-1", 4711, "1.0", ("prod", "other"), NOON, NOON + beat_at, "c0ffee"
    )


def test_a_daemon_shows_signs_of_life_until_it_leaves(store: Store) -> None:
    store.beat(_daemon("one"))
    store.beat(_daemon("other", MINUTE))
    store.beat(replace(_daemon("one", 2 * MINUTE), config_error="line 3", note="clock"))
    newest, older = store.daemons()
    assert newest == replace(_daemon("one", 2 * MINUTE), config_error="line 3", note="clock")
    assert older == _daemon("other", MINUTE)
    store.leave("one")
    store.leave("nobody")
    assert store.daemons() == (older,)


def _instance(number: int, **facts: object) -> Instance:
    plain = Instance(
        instance_id(number),
        NOON,
        "name",
        "ReplicaSet",
        "normal",
        ("RESTARTING",),
        "4.0",
        "4.0.3.5",
        patch_available=True,
        node_states=("normal",),
        tags={"team": "a"},
    )
    return replace(plain, **facts)  # type: ignore[arg-type]  # `replace` checks names


def test_the_last_look_at_an_instance_is_remembered(store: Store) -> None:
    store.see_instances("prod", [_instance(1), _instance(2, whole_version=None)])
    store.see_instances("prod", [])
    assert store.instance("prod", instance_id(1)) == _instance(1)
    newer = _instance(1, name="other", actions=(), patch_available=None, tags={})
    store.see_instances("prod", [newer])
    assert store.instance("prod", instance_id(1)) == newer
    assert store.instance("prod", instance_id(2)) == _instance(2, whole_version=None)
    assert store.instance("other", instance_id(1)) is None


def test_a_look_that_is_stored_late_hides_no_newer_one(store: Store) -> None:
    newer, same = _instance(1, seen_at=NOON + MINUTE), _instance(2, name="same")
    store.see_instances("prod", [newer, _instance(2)])
    store.see_instances("prod", [_instance(1, name="old"), same])

    assert store.instance("prod", instance_id(1)) == newer
    assert store.instance("prod", instance_id(2)) == same


@pytest.mark.parametrize(
    ("ahead", "kept"),
    [(10 * MINUTE, "ahead"), (10 * MINUTE + TICK, "right")],
    ids=["late", "wrong"],
)
def test_what_a_clock_far_ahead_saw_gives_way(store: Store, ahead: timedelta, kept: str) -> None:
    store.see_instances("prod", [_instance(1, seen_at=NOON + ahead, name="ahead")])
    store.see_instances("prod", [_instance(1, name="right")])

    found = store.instance("prod", instance_id(1))
    assert found is not None
    assert found.name == kept


def test_instances_seen_together_need_not_be_alike(store: Store) -> None:
    alike = [_instance(2), _instance(1)]
    bare = Instance(instance_id(3), NOON + MINUTE, tags={"é": '"', "team": "b"})
    store.see_instances("prod", [*alike, bare])
    assert [store.instance("prod", one.id) for one in (*alike, bare)] == [*alike, bare]


@pytest.mark.parametrize(
    ("facts", "forgotten"),
    [
        pytest.param({"state": State.SUCCEEDED}, 1, id="succeeded"),
        pytest.param({"state": State.CANCELLED}, 1, id="cancelled"),
        pytest.param({"state": State.EXPIRED}, 1, id="expired"),
        pytest.param({"state": State.FAILED, "acknowledged_by": "ann"}, 1, id="seen failure"),
        pytest.param({"state": State.FAILED}, 0, id="unseen failure"),
        pytest.param({"state": State.NEEDS_REVIEW, "finished_at": None}, 0, id="for a person"),
        pytest.param({"state": State.QUEUED, "finished_at": None}, 0, id="queued"),
        pytest.param({"state": State.SUCCEEDED, "finished_at": NOON}, 0, id="at the edge"),
        pytest.param({"state": State.SUCCEEDED, "finished_at": None}, 0, id="without an end"),
    ],
)
def test_what_ended_long_ago_and_needs_nobody_is_forgotten(
    store: Store, facts: dict[str, object], forgotten: int
) -> None:
    added(store, wish(1, **{"finished_at": NOON - MINUTE, **facts}))
    assert store.forget_finished(NOON, 10) == forgotten
    assert len(store.page(Filter(), 0, 10)) == 1 - forgotten


def test_forgetting_takes_attempts_and_events_along_and_the_oldest_first(store: Store) -> None:
    one, two = claimed(store, wish(1), wish(2))
    for order, request in enumerate((two, one)):
        store.apply([accepted(request)])
        at = NOON + order * MINUTE
        store.apply([moved(accepted(request).after, State.SUCCEEDED, finished_at=at)])
    assert store.forget_finished(NOON + 9 * MINUTE, 1) == 1
    assert store.get(two.id) is None
    assert (store.attempts(two.id), store.events(two.id)) == ((), ())
    assert store.get(one.id) is not None
    assert store.forget_finished(NOON + 9 * MINUTE, 10) == 1
    assert store.forget_finished(NOON + 9 * MINUTE, 10) == 0


def test_numbers_are_never_given_twice(store: Store) -> None:
    [one] = added(store, wish(1, state=State.CANCELLED, finished_at=NOON))
    assert store.forget_finished(NOON + MINUTE, 10) == 1
    [two] = added(store, wish(1))
    assert two.id > one.id
