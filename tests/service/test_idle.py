"""When `run --until-idle` ends: nothing runs, and nothing waits that time alone would release."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, a_calendar, a_request, a_stop, always, an_id, nightly
from fakes.lane import Lane, a_lane
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from fakes.told_cloud import ToldCloud
from offpeakd.core.model import State
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Code, Verdict
from offpeakd.core.windows import Window
from offpeakd.emulator.rules import Rule
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.idle import HELD, Idle
from offpeakd.service.inventory import Inventory
from offpeakd.service.rules import CurrentRules, Rules

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Bench:
    """A run on one target, `prod`, whose window is open unless told."""

    def __init__(self, *windows: Window, elsewhere: frozenset[str] = frozenset()) -> None:
        self.clock = SetClock(NIGHT)
        self.store = MemoryStore()
        self.cloud = ToldCloud(self.clock)
        calendar = a_calendar(*(windows or (always(),)))
        rules = Rules(calendar, Policy(), {"prod": 30}, "c", "z", elsewhere=elsewhere)
        self.rules = CurrentRules(rules)
        self.vitals = Vitals(NIGHT, beaten_at=self.clock.boottime())
        inventory = Inventory("prod", self.cloud, self.store, self.clock)
        self.holds = Holds(
            "prod", self.vitals, self.store, self.cloud, inventory, self.clock, self.rules
        )
        self.idle = Idle(self.store, self.clock, self.rules, lambda: {"prod": self.holds})

    def add(self, **facts: Any) -> None:
        self.store.add([replace(a_request(1, id=0), **facts)], "ann")

    def hear(self) -> None:
        self.cloud.find_instance(an_id(1))


def a_bench(*windows: Window, **facts: Any) -> Bench:
    bench = Bench(*windows)
    bench.add(**facts)
    return bench


# --------------------------------------------------------------------------- requests


def test_an_empty_queue_is_reached_at_once() -> None:
    bench = Bench()

    assert bench.idle.reached()
    assert bench.idle.left() == 0


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNKNOWN, State.RUNNING])
def test_what_runs_is_waited_for(state: State) -> None:
    assert not a_bench(state=state).idle.reached()


@pytest.mark.parametrize(
    ("facts", "windows"),
    [
        pytest.param({}, (), id="ready in an open window"),
        pytest.param({}, (nightly(start="03:00"),), id="ready before its window"),
        pytest.param({"wait_until": NIGHT + HOUR}, (), id="waits for its time"),
        pytest.param({"wait_until": NIGHT}, (nightly(start="03:00"),), id="due before its window"),
        pytest.param({"wait_until": NIGHT}, (), id="due, before the cloud has told its time"),
    ],
)
def test_what_time_alone_releases_is_waited_for(
    facts: dict[str, Any], windows: tuple[Window, ...]
) -> None:
    assert not a_bench(*windows, **facts).idle.reached()


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"held_reason": "CHG-1"}, id="held"),
        pytest.param({"state": State.NEEDS_REVIEW}, id="to be reviewed"),
        pytest.param({"target": "gone"}, id="of a target that is not configured"),
    ],
)
def test_what_waits_for_a_person_is_not_waited_for_and_is_left(facts: dict[str, Any]) -> None:
    bench = a_bench(**facts)

    assert bench.idle.reached()
    assert bench.idle.left() == 1


@pytest.mark.parametrize("facts", [{}, {"wait_until": NIGHT}], ids=["ready", "due"])
def test_without_any_window_nothing_is_waited_for(facts: dict[str, Any]) -> None:
    bench = a_bench(**facts)
    bench.rules.rules = replace(bench.rules(), calendar=a_calendar())

    assert bench.idle.reached()


def test_what_other_daemons_serve_is_not_left() -> None:
    bench = Bench(elsewhere=frozenset({"far"}))
    bench.add(target="far", state=State.RUNNING)

    assert bench.idle.reached()
    assert bench.idle.left() == 0


# --------------------------------------------------------------------------- stops


def test_a_pause_ends_the_run_once_nothing_runs() -> None:
    bench = a_bench()
    bench.store.put_stop(a_stop("pause"))
    assert bench.idle.reached()

    bench.add(instance_id=an_id(2), state=State.RUNNING)
    assert not bench.idle.reached()


@pytest.mark.parametrize("kind", ["credentials", "permission", "configuration"])
@pytest.mark.parametrize(("count", "ends"), [(1, False), (2, True), (9, True)])
def test_the_second_refusal_in_a_row_ends_the_run(kind: str, count: int, ends: bool) -> None:
    bench = a_bench()
    assert not bench.idle.reached()
    bench.store.put_stop(a_stop(kind, until=NIGHT + HOUR, count=count))

    assert bench.idle.reached() is ends
    bench.clock.advance(HOUR)
    assert not bench.idle.reached(), "it is about to be tried again"


def test_a_refusal_from_before_the_run_waits_for_one_try_of_the_run() -> None:
    bench = a_bench()
    before = a_stop("credentials", until=NIGHT + HOUR, count=7)
    bench.store.put_stop(before)
    assert not bench.idle.reached()

    bench.store.put_stop(replace(before, since=NIGHT + TICK, count=8))
    assert bench.idle.reached()


@pytest.mark.parametrize("kind", ["throttled", "unreachable"])
def test_what_passes_by_itself_is_waited_for(kind: str) -> None:
    bench = a_bench()
    assert not bench.idle.reached()
    bench.store.put_stop(a_stop(kind, until=NIGHT + HOUR, count=99))

    assert not bench.idle.reached()


@pytest.mark.parametrize(
    ("kind", "ends"), [("credentials", True), ("configuration", True), ("permission", False)]
)
@pytest.mark.parametrize("state", [State.UNKNOWN, State.RUNNING])
def test_what_runs_is_not_waited_for_where_not_even_a_look_is_possible(
    kind: str, ends: bool, state: State
) -> None:
    bench = a_bench(state=state)
    assert not bench.idle.reached()
    bench.store.put_stop(a_stop(kind, until=NIGHT + HOUR, count=2))

    assert bench.idle.reached() is ends
    assert bench.idle.left() == 1


@pytest.fixture
def refused() -> Iterator[Lane]:
    with a_lane(Rule(do="unauthorized", call="any")) as lane:
        yield lane


def test_a_key_that_stays_refused_ends_a_run_after_its_second_try(refused: Lane) -> None:
    refused.add(1)
    idle = Idle(refused.store, refused.clock, refused.rules, dict)
    endings = []
    for _ in range(7):
        refused.send()
        endings.append(idle.reached())
        refused.later(MINUTE)

    assert endings == [False] * 5 + [True] * 2
    assert idle.left() == 1


# --------------------------------------------------------------------------- the daemon's own holds


@pytest.mark.parametrize(
    ("lasts", "ends"), [(HELD - TICK, False), (HELD, True), (HELD + TICK, True)], ids=str
)
def test_a_clock_that_stays_wrong_ends_the_run(lasts: timedelta, ends: bool) -> None:
    bench = a_bench()
    bench.hear()
    bench.clock.set_back(-HOUR)
    assert not bench.idle.reached()
    bench.clock.advance(lasts)

    assert bench.idle.reached() is ends


def test_a_hold_that_begins_anew_lasts_anew() -> None:
    bench = a_bench()
    bench.hear()
    bench.clock.set_back(-HOUR)
    assert not bench.idle.reached()
    bench.clock.set_back(HOUR)
    assert not bench.idle.reached()
    bench.clock.set_back(-HOUR)
    bench.clock.advance(HELD)
    assert not bench.idle.reached()

    bench.clock.advance(HELD)
    assert bench.idle.reached()


def test_a_wrong_clock_is_waited_for_until_the_window_opens_and_what_runs_is_followed() -> None:
    shut = a_bench(nightly(start="04:00"))
    running = a_bench(state=State.RUNNING)
    for bench in (shut, running):
        bench.hear()
        bench.clock.set_back(-HOUR)
        assert not bench.idle.reached()
        bench.clock.advance(HELD)
        assert not bench.idle.reached()

    shut.clock.advance(HOUR - HELD)
    assert shut.idle.reached()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
@pytest.mark.parametrize(("lasts", "ends"), [(HELD - TICK, False), (HELD, True)], ids=str)
def test_a_store_that_stays_unsound_ends_the_run(
    state: State, lasts: timedelta, ends: bool
) -> None:
    bench = a_bench(state=state)
    bench.vitals.fault = "the disk is full"
    assert not bench.idle.reached()
    bench.clock.advance(lasts)

    assert bench.idle.reached() is ends


def test_a_wait_that_ends_by_itself_is_waited_for_however_long() -> None:
    bench = a_bench()
    bench.hear()
    wait = Verdict(Code.CALLS_FORGOTTEN, "wait", until=NIGHT + HOUR)
    bench.holds.forgotten = lambda: wait
    for _ in range(3):
        assert not bench.idle.reached()
        bench.clock.advance(HELD)
