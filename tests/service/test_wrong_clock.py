"""What can't be taken back waits for a clock that somebody confirms: ending, forgetting, due times."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from fakes.builders import NIGHT, a_calendar, a_request, a_stop, always, an_id
from fakes.lane import Lane, a_lane
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from fakes.told_cloud import ToldCloud
from offpeakd.core import intake
from offpeakd.core.change import Change
from offpeakd.core.clock_trust import UNWITNESSED
from offpeakd.core.errors import CloudUnreachableError
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.ports import Filter
from offpeakd.service.expiry import Expiry
from offpeakd.service.holds import LOOK_AGAIN, Holds, Vitals
from offpeakd.service.inventory import Inventory
from offpeakd.service.retention import Retention
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.witness import Witness

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


class Bench:
    """The chores of a daemon that serves two targets, `prod` and `test`."""

    def __init__(self) -> None:
        self.clock = SetClock(NIGHT)
        self.store = MemoryStore()
        self.rules = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 30}, "c", "z"))
        vitals = Vitals(NIGHT, beaten_at=self.clock.boottime())
        self.clouds = {name: ToldCloud(self.clock) for name in ("prod", "test")}
        self.lanes = {name: self._holds(name, vitals) for name in self.clouds}
        self.witness = Witness(lambda: self.lanes)
        self.expiry = Expiry(self.store, self.clock, self.witness.doubt_about)
        self.retention = Retention(self.store, self.clock, self.rules, self.witness.doubt)

    def _holds(self, name: str, vitals: Vitals) -> Holds:
        cloud = self.clouds[name]
        inventory = Inventory(name, cloud, self.store, self.clock)
        return Holds(name, vitals, self.store, cloud, inventory, self.clock, self.rules)

    def asked(self) -> dict[str, list[str]]:
        return {name: cloud.asked for name, cloud in self.clouds.items() if cloud.asked}

    def hear(self, name: str = "prod") -> None:
        self.clouds[name].find_instance(an_id(1))
        self.clouds[name].asked.clear()

    def add(self, **facts: object) -> None:
        self.store.add([replace(a_request(1, id=0), **facts)], "ann")  # type: ignore[arg-type]

    def states(self) -> list[str]:
        return [one.state.value for one in self.store.page(Filter(), 0, 9)]


# --------------------------------------------------------------------------- deadlines


@pytest.mark.parametrize("ahead", [30 * timedelta(seconds=1), 2 * DAY], ids=str)
def test_a_clock_that_the_cloud_contradicts_ends_nothing(ahead: timedelta) -> None:
    bench = Bench()
    bench.add(deadline=NIGHT + ahead)
    bench.hear()
    bench.clock.set_back(-ahead)
    bench.clouds["prod"].answers = False

    assert bench.expiry.run_once() == 0
    assert bench.states() == ["queued"]

    bench.clock.set_back(ahead)
    assert bench.expiry.run_once() == 0
    bench.clock.advance(ahead - TICK)
    assert bench.expiry.run_once() == 0
    bench.clock.advance(TICK)
    assert bench.expiry.run_once() == 1
    assert bench.states() == ["expired"]


def test_before_the_first_answer_a_passed_deadline_asks_the_cloud_for_its_time_once() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT)
    bench.add(deadline=NIGHT, instance_id=an_id(2), target="test")

    assert bench.expiry.run_once() == 2
    assert bench.asked() == {"prod": ["find"]}


def test_no_deadline_passed_asks_nobody() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT + TICK)

    assert bench.expiry.run_once() == 0
    assert bench.asked() == {}


def test_a_request_of_a_target_that_nobody_serves_is_ended_by_another_clouds_time() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT, target="gone")

    assert bench.expiry.run_once() == 1
    assert bench.asked() == {"prod": ["find"]}


def test_a_clock_set_right_while_it_is_asked_about_ends_nothing() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT + HOUR)
    bench.clock.set_back(-DAY)

    def set_right(_: Request) -> None:
        bench.clock.set_back(DAY)

    assert Expiry(bench.store, bench.clock, set_right).run_once() == 0
    assert bench.states() == ["queued"]


def test_what_a_person_ends_meanwhile_does_not_expire() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT)
    bench.hear()
    apply = bench.store.apply

    class Contested(MemoryStore):
        @override
        def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
            cancelled = intake.cancel(changes[0].before, NIGHT, "kim", "no longer")
            assert isinstance(cancelled, Change)
            assert apply([cancelled]) == ()
            return super().apply(changes)

    contested = Contested(rows=bench.store.rows)
    assert Expiry(contested, bench.clock, bench.witness.doubt_about).run_once() == 0
    assert bench.states() == ["cancelled"]


def test_a_silent_cloud_is_asked_again_after_its_stop_and_not_more_than_every_half_minute() -> None:
    bench = Bench()
    bench.add(deadline=NIGHT)
    bench.clouds["prod"].failure = CloudUnreachableError("no route")
    bench.clouds["prod"].answers = False
    for _ in range(3):
        assert bench.expiry.run_once() == 0
    assert bench.asked() == {"prod": ["find"]}

    bench.clock.advance(LOOK_AGAIN - TICK)
    bench.expiry.run_once()
    assert bench.asked() == {"prod": ["find"]}
    bench.clock.advance(TICK)
    bench.store.put_stop(a_stop("credentials", until=bench.clock.now() + TICK))
    bench.expiry.run_once()
    assert bench.asked() == {"prod": ["find"]}
    bench.clock.advance(TICK)
    bench.clouds["prod"].failure, bench.clouds["prod"].answers = None, True
    assert bench.expiry.run_once() == 1
    assert bench.asked() == {"prod": ["find"] * 2}


# --------------------------------------------------------------------------- history


@pytest.fixture
def finished() -> Bench:
    bench = Bench()
    bench.add(state=State.SUCCEEDED, finished_at=NIGHT)
    return bench


def test_a_clock_ahead_by_years_forgets_nothing(finished: Bench) -> None:
    finished.hear()
    finished.clock.set_back(-1000 * DAY)

    assert finished.retention.run_once() is None
    assert finished.states() == ["succeeded"]


def test_nothing_is_forgotten_before_the_first_answer(finished: Bench) -> None:
    finished.clock.advance(1000 * DAY)
    assert finished.retention.run_once() is None

    finished.hear()
    assert finished.retention.run_once() == 1
    assert finished.states() == []


# --------------------------------------------------------------------------- who is a witness


def test_one_clouds_word_is_enough_and_one_contradiction_outweighs_it() -> None:
    bench = Bench()
    assert bench.witness.doubt() is UNWITNESSED

    bench.hear("test")
    assert bench.witness.doubt() is None

    bench.clouds["prod"].ahead = HOUR
    bench.hear("prod")
    doubt = bench.witness.doubt()
    assert doubt is not None
    assert "behind the cloud's" in doubt.sentence


def test_a_cloud_that_agrees_outweighs_that_the_clock_seems_to_have_been_set_back() -> None:
    bench = Bench()
    bench.lanes["prod"].vitals.see(NIGHT + HOUR)
    doubt = bench.witness.doubt()
    assert doubt is not None
    assert "set back" in doubt.sentence

    bench.hear("test")
    assert bench.witness.doubt() is None


def test_without_any_target_nobody_confirms_the_clock() -> None:
    nobody = Witness(dict)

    assert nobody.doubt() is UNWITNESSED
    assert nobody.doubt_about(a_request()) is UNWITNESSED


# --------------------------------------------------------------------------- due times


@pytest.fixture
def lane() -> Iterator[Lane]:
    """A lane with the holds of the daemon."""
    with a_lane() as lane:
        inventory = Inventory("prod", lane.client, lane.store, lane.clock)
        vitals = Vitals(lane.clock.now())
        holds = Holds("prod", vitals, lane.store, lane.client, inventory, lane.clock, lane.rules)
        lane.release = replace(lane.release, inventory=inventory, holds=holds)
        yield lane


def beat(lane: Lane) -> Holds:
    holds = lane.release.holds
    assert isinstance(holds, Holds)
    holds.vitals.beaten_at = lane.clock.boottime()
    return holds


def add_for_tomorrow(lane: Lane) -> None:
    now = lane.clock.now()
    wish = intake.Wish("prod", min(lane.cloud.world.instances), not_before=now + DAY)
    lane.store.add([intake.new_request(wish, now, "kim")], "kim")


def test_a_clock_ahead_for_one_pass_makes_nothing_ready_before_its_time(lane: Lane) -> None:
    lane.client.find_instance(min(lane.cloud.world.instances))
    add_for_tomorrow(lane)
    asked_for = lane.the_one()
    lane.clock.set_back(-2 * DAY)
    beat(lane)

    assert lane.send().sent == 0
    assert lane.the_one() == asked_for

    lane.clock.set_back(2 * DAY)
    assert lane.send().sent == 0
    lane.later(DAY - TICK)
    beat(lane)
    assert lane.send().sent == 0
    lane.later(TICK)
    assert lane.send().sent == 1


def test_what_only_waits_for_its_time_is_reason_enough_to_ask_the_cloud_for_its_own(
    lane: Lane,
) -> None:
    add_for_tomorrow(lane)
    lane.later(DAY - TICK)
    beat(lane).look()
    assert lane.cloud.world.received == {}
    assert lane.send().sent == 0

    lane.later(TICK)
    beat(lane).look()
    assert lane.cloud.world.received["instances"] == 1
    assert lane.send().sent == 1


@pytest.mark.parametrize(
    ("early", "sent"), [(TICK, 0), (timedelta(0), 1), (-TICK, 1)], ids=["before", "at", "after"]
)
def test_what_somebody_made_ready_before_its_time_is_put_back(early: timedelta, sent: int) -> None:
    with a_lane() as lane:
        add_for_tomorrow(lane)
        lane.store.lane("prod", lane.clock.now() + 2 * DAY)
        assert lane.the_one().wait_until is None
        lane.later(DAY - early)

        done = lane.send()

        assert (done.sent, done.passed_over) == (sent, 1 - sent)
        if not sent:
            stands = lane.the_one()
            assert (stands.wait_until, stands.wait_reason) == (stands.not_before, "not-before")
            assert lane.events()[-1] == "passed_over"
            lane.later(early)
            assert lane.send().sent == 1
