"""Calls a minute: never more, and the upgrade call comes first."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.set_clock import SetClock
from offpeakd.adapters.clock import SystemClock
from offpeakd.adapters.huaweicloud.budget import SPAN, CallBudget
from offpeakd.core.errors import CloudThrottledError

SECOND = timedelta(seconds=1)


def budget_of(per_minute: int, clock: SetClock) -> CallBudget:
    return CallBudget("prod-eu", per_minute, clock, clock.wait)


def reads_at_once(budget: CallBudget) -> int:
    made = 0
    try:
        while True:
            budget.take_for_read(timedelta(0))
            made += 1
    except CloudThrottledError:
        return made


@pytest.mark.parametrize(("per_minute", "reads"), [(1, 1), (10, 10), (11, 6), (60, 55)], ids=str)
def test_reads_leave_a_reserve_where_there_is_enough(per_minute: int, reads: int) -> None:
    budget = budget_of(per_minute, SetClock())

    assert reads_at_once(budget) == reads

    upgrades = 0
    while budget.take_for_upgrade() is None:
        upgrades += 1
    assert upgrades == per_minute - reads


@pytest.mark.parametrize(
    ("wait", "free"),
    [
        (SPAN - timedelta(microseconds=1), False),
        (SPAN, True),
        (SPAN + timedelta(microseconds=1), True),
    ],
    ids=["just before", "at", "just after"],
)
def test_a_call_is_forgotten_after_a_minute(wait: timedelta, free: bool) -> None:
    clock = SetClock()
    budget = budget_of(1, clock)
    budget.take_for_upgrade()
    clock.advance(wait)

    assert (budget.take_for_upgrade() is None) == free


def test_a_read_waits_for_room() -> None:
    clock = SetClock()
    budget = budget_of(2, clock)
    start = clock.boottime()
    budget.take_for_read()
    clock.advance(20 * SECOND)
    budget.take_for_read()

    budget.take_for_read()

    assert clock.boottime() - start == SPAN + timedelta(milliseconds=1)


def test_a_read_gives_up_when_its_patience_ends() -> None:
    clock = SetClock()
    budget = budget_of(1, clock)
    budget.take_for_read()
    start = clock.boottime()

    with pytest.raises(CloudThrottledError) as caught:
        budget.take_for_read(10 * SECOND)

    assert clock.boottime() - start == 10 * SECOND
    assert caught.value.message == "target prod-eu: its 1 calls a minute are used up"
    assert caught.value.retry_after == 50 * SECOND + timedelta(milliseconds=1)


def test_closing_wakes_a_read_that_waits() -> None:
    budget = CallBudget("prod-eu", 1, SystemClock())
    budget.take_for_read()
    gave_up = threading.Event()

    def read() -> None:
        with pytest.raises(CloudThrottledError):
            budget.take_for_read()
        gave_up.set()

    reader = threading.Thread(target=read)
    reader.start()
    budget.close()

    assert gave_up.wait(10)
    reader.join(10)


def test_giving_back_makes_room() -> None:
    budget = budget_of(1, SetClock())
    budget.take_for_upgrade()

    budget.give_back()
    budget.give_back()

    assert budget.take_for_upgrade() is None


@given(
    per_minute=st.integers(1, 30),
    pauses=st.lists(st.integers(0, 30_000), min_size=1, max_size=80),
    kinds=st.lists(st.booleans(), min_size=80, max_size=80),
)
def test_no_sixty_seconds_hold_more_calls_than_allowed(
    per_minute: int, pauses: list[int], kinds: list[bool]
) -> None:
    clock = SetClock()
    budget = budget_of(per_minute, clock)
    made: list[timedelta] = []
    for pause, is_read in zip(pauses, kinds, strict=False):
        clock.advance(timedelta(milliseconds=pause))
        if is_read:
            budget.take_for_read(timedelta(minutes=5))
            made.append(clock.boottime())
        elif budget.take_for_upgrade() is None:
            made.append(clock.boottime())

    for instant in made:
        assert sum(instant - SPAN < other <= instant for other in made) <= per_minute


def test_a_read_waits_for_room_that_daemons_share() -> None:
    clock = SetClock()
    answers = iter([5 * SECOND, 2 * SECOND, None])
    asked: list[int] = []

    def shared(most: int) -> timedelta | None:
        asked.append(most)
        return next(answers)

    before = clock.boottime()
    CallBudget("prod-eu", 60, clock, clock.wait, shared).take_for_read()
    assert clock.boottime() - before == 7 * SECOND
    assert asked == [55, 55, 55], "a few calls are left to the upgrade"


def test_a_read_that_finds_no_shared_room_counts_nowhere() -> None:
    clock = SetClock()
    budget = CallBudget("prod-eu", 1, clock, clock.wait, lambda _: SECOND)
    with pytest.raises(CloudThrottledError, match="1 calls a minute are used up"):
        budget.take_for_read(timedelta(0))
    assert budget.take_for_upgrade() is None
