"""What holds a lane: the store, the lease, the clock; and how trust comes back."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, a_calendar, a_request, a_stop, always, nightly
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from fakes.told_cloud import ToldCloud
from offpeakd.core.clock_trust import UNWITNESSED
from offpeakd.core.errors import CloudThrottledError, CloudUnreachableError
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Code, Verdict
from offpeakd.service.holds import LOOK_AGAIN, Holds, Vitals, lease_margin
from offpeakd.service.inventory import Inventory
from offpeakd.service.rules import CurrentRules, Rules

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


class Bench:
    """Holds of a target with one waiting request, and what they hang on."""

    def __init__(self, lease: timedelta = 60 * SECOND, *, waiting: int = 1) -> None:
        self.clock = SetClock(NIGHT)
        self.cloud = ToldCloud(self.clock)
        self.store = MemoryStore()
        self.store.add([a_request(number, id=0) for number in range(1, 1 + waiting)], "ann")
        self.vitals = Vitals(NIGHT, beaten_at=self.clock.boottime())
        self.rules = CurrentRules(
            Rules(a_calendar(always()), Policy(lease_ttl=lease), {"prod": 30}, "c", "z")
        )
        inventory = Inventory("prod", self.cloud, self.store, self.clock)
        self.holds = Holds(
            "prod", self.vitals, self.store, self.cloud, inventory, self.clock, self.rules
        )

    def beat(self) -> None:
        self.vitals.beaten_at = self.clock.boottime()

    def codes(self) -> list[Code]:
        return [one.code for one in self.holds()]


def trusted(**facts: Any) -> Bench:
    bench = Bench(**facts)
    bench.holds.look()
    assert bench.holds() == ()
    return bench


# ------------------------------------------------------------------ the clock


def test_nothing_goes_before_the_first_answer_which_one_look_brings() -> None:
    bench = Bench()
    assert bench.holds() == (UNWITNESSED,)
    assert bench.holds.standing() == ()

    bench.holds.look()
    assert bench.holds() == ()
    assert bench.cloud.asked == ["list"]


def test_a_trusted_clock_costs_no_call() -> None:
    bench = trusted()
    for _ in range(10):
        bench.clock.advance(HOUR)
        bench.holds.look()

    assert bench.cloud.asked == ["list"]


@pytest.mark.parametrize("step", [30 * SECOND, -30 * SECOND, 3 * HOUR, -2 * HOUR], ids=str)
def test_a_step_of_the_clock_holds_at_once(step: timedelta) -> None:
    bench = trusted()
    bench.clock.set_back(-step)

    assert bench.codes() == [Code.CLOCK_SKEW]
    assert [one.code for one in bench.holds.standing()] == [Code.CLOCK_SKEW]


def test_a_clock_mended_is_trusted_again_with_the_next_look() -> None:
    bench = Bench()
    bench.cloud.ahead = timedelta(minutes=2)
    bench.holds.look()
    assert bench.codes() == [Code.CLOCK_SKEW]

    bench.clock.set_back(timedelta(minutes=-2))
    assert bench.holds() == ()


def test_a_machine_that_slept_is_trusted_again_with_the_next_look() -> None:
    bench = trusted()
    bench.clock.set_back(-HOUR)
    bench.cloud.ahead = HOUR
    assert bench.codes() == [Code.CLOCK_SKEW]

    bench.clock.suspend(LOOK_AGAIN)
    bench.clock.set_back(-LOOK_AGAIN)
    bench.beat()
    bench.holds.look()
    assert bench.holds() == ()


@pytest.mark.parametrize(
    ("waited", "asks"),
    [(LOOK_AGAIN - TICK, 0), (LOOK_AGAIN, 1), (LOOK_AGAIN + TICK, 1)],
    ids=["just before", "at", "just after"],
)
def test_a_held_lane_asks_every_half_minute_for_one_instance(waited: timedelta, asks: int) -> None:
    bench = trusted()
    bench.clock.set_back(HOUR)
    bench.holds.look()
    bench.cloud.asked.clear()
    bench.clock.advance(waited)

    bench.holds.look()
    bench.holds.look()
    assert bench.cloud.asked == ["find"] * asks


def test_a_held_lane_asks_nothing_where_nothing_waits() -> None:
    bench = Bench(waiting=0)
    bench.holds.look()

    assert bench.cloud.asked == []


def test_a_held_lane_asks_nothing_while_no_window_is_open() -> None:
    bench = Bench()
    bench.rules.rules = Rules(a_calendar(nightly(start="02:00")), Policy(), {"prod": 30}, "c", "z")
    bench.clock.set_back(5 * HOUR)
    bench.holds.look()

    assert bench.cloud.asked == []


def test_a_held_lane_asks_nothing_while_its_target_is_stopped() -> None:
    bench = Bench()
    bench.store.put_stop(a_stop("unreachable", until=NIGHT + SECOND))
    bench.holds.look()
    assert bench.cloud.asked == []

    bench.clock.advance(SECOND)
    bench.holds.look()
    assert bench.cloud.asked == ["list"]


def test_a_look_that_fails_stops_the_target_for_a_while() -> None:
    bench = Bench()
    bench.cloud.failure, bench.cloud.answers = CloudUnreachableError("no route"), False
    bench.holds.look()
    bench.holds.look()

    assert bench.cloud.asked == ["list"]
    assert [one.kind for one in bench.store.stops()] == ["unreachable"]
    assert bench.holds() == (UNWITNESSED,)


def test_a_refusal_tells_the_time_too() -> None:
    bench = Bench()
    bench.cloud.failure = CloudThrottledError("too many")
    bench.holds.look()

    assert bench.holds() == ()


def test_a_cloud_without_dates_leaves_the_latest_time_seen() -> None:
    bench = Bench()
    bench.cloud.dated = False
    bench.holds.look()
    assert bench.holds() == ()

    bench.clock.set_back(HOUR)
    assert bench.codes() == [Code.CLOCK_SKEW]
    bench.clock.advance(HOUR - 5 * SECOND)
    bench.beat()
    assert bench.holds() == ()


def test_a_clock_set_back_before_the_start_is_noticed_by_what_was_stored() -> None:
    bench = Bench()
    bench.cloud.dated = False
    bench.vitals.see(NIGHT + HOUR)
    bench.holds.look()

    assert bench.codes() == [Code.CLOCK_SKEW]


# ------------------------------------------------------------------ the lease


@pytest.mark.parametrize(
    ("lease", "margin"),
    [
        (40 * SECOND, 10 * SECOND),
        (60 * SECOND, 15 * SECOND),
        (61 * SECOND, 15 * SECOND),
        (600 * SECOND, 15 * SECOND),
    ],
    ids=str,
)
def test_a_lease_counts_as_over_ahead_of_its_end(lease: timedelta, margin: timedelta) -> None:
    assert lease_margin(lease) == margin
    for age, held in [(-TICK, False), (timedelta(0), False), (TICK, True)]:
        bench = trusted(lease=lease)
        bench.clock.advance(lease - margin + age)

        assert (bench.codes() == [Code.STORAGE_FAULT]) == held


def test_a_sign_of_life_renews_the_lease() -> None:
    bench = trusted()
    bench.clock.advance(HOUR)
    assert "3600 s old" in bench.holds()[0].sentence

    bench.beat()
    assert bench.holds() == ()


def test_before_the_first_sign_of_life_nothing_goes() -> None:
    bench = trusted()
    bench.vitals.beaten_at = None

    assert bench.codes() == [Code.STORAGE_FAULT]


# ------------------------------------------------------------------ the store


def test_a_fault_of_the_store_holds_everything_first() -> None:
    bench = trusted()
    bench.vitals.fault = "the disk is full"
    bench.clock.set_back(HOUR)

    assert bench.codes() == [Code.STORAGE_FAULT, Code.CLOCK_SKEW]
    assert bench.holds()[0].sentence == "the store is not sound: the disk is full"


# ------------------------------------------------------------------ what the lane minds itself


def test_a_wait_for_forgotten_calls_is_told_and_keeps_no_look_from_being_made() -> None:
    bench = trusted()
    wait = Verdict(Code.CALLS_FORGOTTEN, "wait", until=NIGHT)
    bench.holds.forgotten = lambda: wait

    assert bench.holds.standing() == (wait,)
    assert bench.holds() == ()


def test_what_asks_for_a_person_is_told_first() -> None:
    bench = trusted()
    bench.holds.forgotten = lambda: Verdict(Code.CALLS_FORGOTTEN, "wait", until=NIGHT)
    bench.clock.set_back(-HOUR)

    codes = [one.code for one in bench.holds.standing()]
    assert codes == [Code.CLOCK_SKEW, Code.CALLS_FORGOTTEN]
