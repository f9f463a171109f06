"""The last look before the first byte: every clause, at its boundary, in its order."""

import threading
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from fakes.builders import NIGHT, a_calendar, a_freeze, a_stop, nightly
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from offpeakd.core.errors import DatabaseError
from offpeakd.core.lane import Stop
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Code, Kind, Verdict
from offpeakd.service.gate import DECISION_AGE, Gate
from offpeakd.service.rules import CurrentRules, Rules

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
GUARD = 10 * SECOND
CLOSES = NIGHT.replace(hour=5, minute=0, second=0, microsecond=0)


class Unreadable(MemoryStore):
    broken = False

    @override
    def stops(self) -> tuple[Stop, ...]:
        if self.broken:
            raise DatabaseError("the disk is gone")
        return super().stops()


class Bench:
    """A gate in an open window, with nothing against it."""

    def __init__(self, cutoff: timedelta = timedelta(0)) -> None:
        self.clock = SetClock(NIGHT)
        self.store = Unreadable()
        self.stopping = threading.Event()
        self.held: tuple[Verdict, ...] = ()
        calendar = a_calendar(nightly(cutoff=cutoff))
        self.rules = CurrentRules(Rules(calendar, Policy(guard=GUARD), {"prod": 30}, "c", "z"))

    def gate(self) -> Gate:
        return Gate(
            "prod",
            "default",
            self.clock.boottime(),
            self.clock,
            self.store,
            self.rules,
            lambda: self.held,
            self.stopping,
        )

    def go_to_the_close_less(self, span: timedelta) -> None:
        self.clock.advance(CLOSES - span - self.clock.now())


def test_nothing_against_it_lets_the_first_byte_go() -> None:
    gate = Bench().gate()

    assert gate() is None
    assert gate.veto is None


def test_a_veto_is_kept_for_whoever_asks_later() -> None:
    bench = Bench()
    bench.stopping.set()
    gate = bench.gate()

    assert gate() == gate.veto == "the daemon is stopping"


@pytest.mark.parametrize(
    ("span", "passes"),
    [(DECISION_AGE - TICK, True), (DECISION_AGE, True), (DECISION_AGE + TICK, False)],
    ids=["just before", "at", "just after"],
)
def test_an_old_decision_is_vetoed_by_boot_time(span: timedelta, *, passes: bool) -> None:
    bench = Bench()
    gate = bench.gate()
    bench.clock.suspend(span)

    assert (gate() is None) == passes


class FrozenOnceRead(SetClock):
    """Stands still right after its wall clock was read for the window."""

    frozen_for = timedelta(0)

    @override
    def now(self) -> datetime:
        read = super().now()
        self.suspend(self.frozen_for)
        return read


@pytest.mark.parametrize(
    ("span", "passes"),
    [(DECISION_AGE / 2, True), (DECISION_AGE, False)],
    ids=["within the age", "beyond it"],
)
def test_a_freeze_while_the_gate_looks_counts_too(span: timedelta, *, passes: bool) -> None:
    bench = Bench()
    bench.clock = clock = FrozenOnceRead(NIGHT)
    gate = bench.gate()
    clock.frozen_for = span / 2 + TICK

    assert (gate() is None) == passes


def test_a_step_of_the_wall_clock_does_not_age_a_decision() -> None:
    bench = Bench()
    gate = bench.gate()
    bench.clock.set_back(-timedelta(minutes=30))

    assert gate() is None


@pytest.mark.parametrize("cutoff", [timedelta(0), timedelta(minutes=45)], ids=str)
@pytest.mark.parametrize(
    ("left", "passes"),
    [(GUARD + TICK, True), (GUARD, False), (GUARD - TICK, False)],
    ids=["just before", "at", "just after"],
)
def test_the_close_less_cutoff_and_guard_is_the_last_moment(
    cutoff: timedelta, left: timedelta, *, passes: bool
) -> None:
    bench = Bench(cutoff)
    bench.go_to_the_close_less(cutoff + left)

    assert (bench.gate()() is None) == passes


@pytest.mark.parametrize(
    ("ahead", "passes"), [(TICK, False), (timedelta(0), True)], ids=["just before", "at"]
)
def test_the_opening_begins_at_its_first_instant(ahead: timedelta, *, passes: bool) -> None:
    bench = Bench()
    opens = NIGHT.replace(hour=1, minute=0, second=0, microsecond=0)
    bench.clock.set_back(bench.clock.now() - opens + ahead)

    assert (bench.gate()() is None) == passes


def test_a_freeze_put_in_while_the_call_was_being_made_is_heeded() -> None:
    bench = Bench()
    gate = bench.gate()
    frozen = a_calendar(nightly(), freezes=(a_freeze(),))
    bench.rules.rules = Rules(frozen, Policy(), {"prod": 30}, "c", "z")

    assert gate() is not None
    assert "frozen by 'peak'" in (gate.veto or "")


def test_notice_of_a_changed_configuration_is_heeded() -> None:
    bench = Bench()
    bench.rules.rules = Rules(
        a_calendar(nightly()),
        Policy(),
        {"prod": 30},
        "c",
        "z",
        notices={"default": NIGHT + SECOND},
    )
    assert "the configuration was changed" in (bench.gate()() or "")

    bench.clock.advance(SECOND)
    assert bench.gate()() is None


@pytest.mark.parametrize("scope", ["prod", "*"])
def test_a_pause_is_heeded_with_who_and_why(scope: str) -> None:
    bench = Bench()
    bench.store.put_stop(a_stop("pause", scope=scope))

    assert bench.gate()() == "paused by kim: billing run"


@pytest.mark.parametrize(
    "kind", ["credentials", "permission", "configuration", "throttled", "unreachable"]
)
@pytest.mark.parametrize(
    ("left", "passes"),
    [(TICK, False), (timedelta(0), True), (-TICK, True)],
    ids=["just before its end", "at its end", "just after its end"],
)
def test_a_stop_that_another_call_brought_is_heeded_until_its_end(
    kind: str, left: timedelta, *, passes: bool
) -> None:
    bench = Bench()
    bench.store.put_stop(a_stop(kind, until=bench.clock.now() + left))

    assert (bench.gate()() is None) == passes


def test_a_stop_of_another_target_is_none_of_its_business() -> None:
    bench = Bench()
    bench.store.put_stop(a_stop("pause", scope="other"))

    assert bench.gate()() is None


def test_what_holds_the_lane_is_a_veto() -> None:
    bench = Bench()
    bench.held = (Verdict(Code.CLOCK_SKEW, "off by a minute", Kind.PERSON),)

    assert bench.gate()() == "off by a minute"


def test_a_store_that_can_not_be_read_is_a_veto() -> None:
    bench = Bench()
    bench.store.broken = True

    assert bench.gate()() == "the database can't be read: the disk is gone"


def test_the_clauses_are_asked_in_their_order() -> None:
    bench = Bench()
    gate = bench.gate()
    bench.clock.suspend(DECISION_AGE + TICK)
    bench.go_to_the_close_less(timedelta(0))
    bench.stopping.set()
    bench.store.put_stop(a_stop("pause"))
    bench.held = (Verdict(Code.CLOCK_SKEW, "off by a minute", Kind.PERSON),)
    said: list[str | None] = [gate()]
    bench.stopping.clear()
    said.append(gate())
    bench.store.lift_stop("prod", frozenset({"pause"}), "kim", "done")
    said.append(gate())
    bench.held = ()
    said.append(gate())
    fresh = bench.gate()
    said.append(fresh())

    assert [(one or "").split()[0] for one in said] == ["the", "paused", "off", "the", "waits"]
    assert (said[3] or "").startswith("the decision to send is")


def test_a_decision_that_no_longer_stands_is_vetoed() -> None:
    gate = Bench().gate()
    gate.void = lambda: "the configuration has another lane for this target"

    assert gate() == "the configuration has another lane for this target"
