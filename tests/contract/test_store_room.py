"""A claim leaves a target no more than it may bear."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.wishes import ANSWERED, OpenStore, accepted, added, batch_of, moved, wish
from offpeakd.core.batch import as_claimed
from offpeakd.core.model import State
from offpeakd.ports import Claim, Claimed, Limits, Store

PLENTY = 1000


@pytest.mark.parametrize(
    ("in_flight", "standing"),
    [
        pytest.param(4, Claimed.TARGET_FULL, id="one too few"),
        pytest.param(5, Claimed.TAKEN, id="just enough"),
        pytest.param(6, Claimed.TAKEN, id="one to spare"),
    ],
)
def test_a_claim_leaves_no_more_in_flight_than_the_target_may_bear(
    store: Store, in_flight: int, standing: Claimed
) -> None:
    running, unknown, *rest = added(store, *(wish(number) for number in range(5)))
    before = batch_of([running, unknown], "b0")
    assert store.claim(before)
    one, two = as_claimed(before)
    store.record("b0", ANSWERED, [accepted(one), moved(two, State.UNKNOWN, unknown_since=None)])
    claim = store.claim(batch_of(rest), Limits(in_flight, PLENTY))
    assert claim == Claim(standing)
    taken = standing is Claimed.TAKEN
    assert [len(store.attempts(one.id)) for one in rest] == [taken] * 3


def test_upgrades_of_another_target_take_no_room(store: Store) -> None:
    here, there = added(store, wish(1), wish(1, target="other"))
    assert store.claim(batch_of([there], "b0"), Limits(1, PLENTY))
    assert store.claim(batch_of([here]), Limits(1, PLENTY))


def test_what_ended_leaves_room(store: Store) -> None:
    one, two = added(store, wish(1), wish(2))
    batch = batch_of([one], "b0")
    assert store.claim(batch, Limits(1, PLENTY))
    assert not store.claim(batch_of([two]), Limits(1, PLENTY))
    [claimed] = as_claimed(batch)
    store.apply([moved(claimed, State.FAILED)])
    assert store.claim(batch_of([two]), Limits(1, PLENTY))


def test_a_minute_holds_no_more_calls_than_the_target_may_bear(store: Store) -> None:
    requests = added(store, *(wish(number) for number in range(4)))
    for turn, one in enumerate(requests[:3]):
        assert store.claim(batch_of([one], f"b{turn}"), Limits(PLENTY, 3))
    late = store.claim(batch_of([requests[3]], "b9"), Limits(PLENTY, 3))
    assert late.standing is Claimed.CALLS_SPENT
    assert late.room_in is not None
    assert timedelta(0) < late.room_in <= timedelta(minutes=1)
    assert store.get(requests[3].id) == requests[3]
    assert store.attempts(requests[3].id) == ()
    assert store.claim(batch_of([requests[3]], "b9"), Limits(PLENTY, 4))


def test_each_target_has_calls_of_its_own(store: Store) -> None:
    here, there = added(store, wish(1), wish(1, target="other"))
    assert store.claim(batch_of([here], "b0"), Limits(PLENTY, 1))
    assert store.claim(batch_of([there], "b1"), Limits(PLENTY, 1))


def test_a_claim_that_was_not_taken_spends_no_call(store: Store) -> None:
    one, two = added(store, wish(1), wish(2))
    stale = replace(one, attempt_id="another")
    for _ in range(3):
        assert store.claim(batch_of([stale], "b0"), Limits(PLENTY, 1)) == Claim(Claimed.NOT_AS_READ)
    assert store.claim(batch_of([two], "b0"), Limits(PLENTY, 1))


def test_daemons_together_never_take_more_than_there_is_room_for(open_store: OpenStore) -> None:
    added(open_store("adder"), *(wish(number) for number in range(60)))
    limits = Limits(in_flight=25, calls_per_minute=4)

    def drain(name: str) -> list[Claimed]:
        store = open_store(name)
        standings: list[Claimed] = []
        for turn in range(100):
            ready = store.ready("prod", "default", 5)
            claim = store.claim(batch_of(ready, f"{name}-{turn}", name), limits)
            standings.append(claim.standing)
            if claim.standing in {Claimed.TARGET_FULL, Claimed.CALLS_SPENT}:
                return standings
        raise AssertionError("the target was never full")

    with ThreadPoolExecutor(3) as pool:
        standings = [one for some in pool.map(drain, ["one", "two", "three"]) for one in some]
    assert standings.count(Claimed.TAKEN) == 4
    assert open_store("reader").lane("prod", wish(1).requested_at).in_flight == 20
