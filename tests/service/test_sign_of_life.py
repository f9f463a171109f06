"""What a daemon tells of itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from typing_extensions import override

from fakes.builders import NIGHT, NOON, a_calendar, always, nightly
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from fakes.told_cloud import ToldCloud
from offpeakd.core.calendar import Calendar
from offpeakd.core.errors import DatabaseError
from offpeakd.core.policy import Policy
from offpeakd.ports import DaemonRow
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.inventory import Inventory
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.sign_of_life import SignOfLife

SECOND = timedelta(seconds=1)


class Breaking(MemoryStore):
    broken = False

    @override
    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        if self.broken:
            raise DatabaseError("the disk is full")
        return super().beat(row, new_term=new_term)

    @override
    def leave(self, owner: str) -> None:
        if self.broken:
            raise DatabaseError("the disk is full")
        super().leave(owner)


class Listener:
    """A service manager that remembers the last line."""

    said = ""

    def ready(self, status: str) -> None:
        raise NotImplementedError

    def status(self, text: str) -> None:
        self.said = text

    def alive(self) -> None:
        raise NotImplementedError

    def reloading(self) -> None:
        raise NotImplementedError

    def stopping(self) -> None:
        raise NotImplementedError


class Bench:
    def __init__(self, calendar: Calendar | None = None, policy: Policy | None = None) -> None:
        self.clock = SetClock(NIGHT)
        self.store = Breaking()
        self.cloud = ToldCloud(self.clock)
        self.vitals = Vitals(NIGHT)
        self.notifier = Listener()
        rules = CurrentRules(
            Rules(calendar or a_calendar(nightly()), policy or Policy(), {"prod": 30}, "c", "z")
        )
        inventory = Inventory("prod", self.cloud, self.store, self.clock)
        holds = Holds("prod", self.vitals, self.store, self.cloud, inventory, self.clock, rules)
        row = DaemonRow("run-1", "db1", 42, "1", (), NIGHT, NIGHT, "old")
        self.life = SignOfLife(
            row,
            self.store,
            self.clock,
            self.vitals,
            self.notifier,
            rules,
            lambda: {"prod": holds},
        )

    def row(self) -> DaemonRow:
        (row,) = self.store.daemons()
        return row


def test_a_sign_of_life_renews_the_lease_from_when_it_set_out() -> None:
    bench = Bench()
    bench.clock.step = SECOND
    before = bench.clock.boottime()
    bench.life.give()

    assert bench.vitals.beaten_at == before + SECOND
    assert (bench.row().targets, bench.row().config_hash) == (("prod",), "c")


@pytest.mark.parametrize(
    ("lease", "wait"),
    [(4 * SECOND, SECOND), (60 * SECOND, 15 * SECOND), (600 * SECOND, 15 * SECOND)],
    ids=str,
)
def test_a_short_lease_is_renewed_more_often(lease: timedelta, wait: timedelta) -> None:
    assert Bench(policy=Policy(lease_ttl=lease)).life.give() == NIGHT + wait


def test_it_tells_what_is_held_how_the_clock_stands_and_when_lanes_were_passed() -> None:
    bench = Bench()
    bench.cloud.ahead = timedelta(minutes=2)
    bench.cloud.list_instances()
    bench.life.passes.update({"prod": NIGHT, "gone": NIGHT})
    bench.life.give()

    row = bench.row()
    assert row.holds["prod"].startswith("clock-skew: this machine's clock says")
    assert row.clock_offset == timedelta(minutes=-2)
    assert row.passes == {"prod": NIGHT}


def test_before_the_first_answer_nothing_is_told_of_the_clock() -> None:
    bench = Bench()
    bench.life.give()

    assert (bench.row().holds, bench.row().clock_offset) == ({}, None)


@pytest.mark.parametrize(
    ("behind", "said"),
    [(5 * SECOND, []), (6 * SECOND, ["clock_set_back"])],
    ids=["at the limit", "beyond it"],
)
def test_a_clock_set_back_while_nothing_ran_is_noticed_at_the_start(
    behind: timedelta, said: list[str]
) -> None:
    bench = Bench()
    bench.store.high_water(NIGHT + behind)
    with structlog.testing.capture_logs() as logged:
        bench.life.begin()

    assert [line["event"] for line in logged] == said
    assert bench.vitals.high_water == NIGHT + behind


def test_a_store_that_fails_renews_nothing_and_is_left_to_the_next_sign() -> None:
    bench = Bench()
    bench.store.broken = True
    with structlog.testing.capture_logs() as logged:
        bench.life.give_with("line 3: unknown key")
        bench.life.leave()
    assert [line["event"] for line in logged] == ["beat_failed", "leave_failed"]
    assert bench.vitals.beaten_at is None

    bench.store.broken = False
    bench.life.give()
    assert bench.row().config_error == "line 3: unknown key"
    bench.life.leave()
    assert bench.store.daemons() == ()


@pytest.mark.parametrize(
    ("calendar", "at", "said"),
    [
        (a_calendar(nightly()), NIGHT, "default: open until "),
        (a_calendar(always()), NIGHT, "default: open"),
        (a_calendar(nightly()), NOON, "default: opens "),
        (a_calendar(), NIGHT, "default: no window"),
    ],
    ids=["open", "always open", "closed", "no window"],
)
def test_the_service_manager_is_told_how_the_windows_stand(
    calendar: Calendar, at: object, said: str
) -> None:
    bench = Bench(calendar)
    if at is NOON:
        bench.clock.advance(NOON - NIGHT + timedelta(days=1))
    bench.life.give()

    assert bench.notifier.said.startswith(said)


def test_the_service_manager_is_told_of_a_fault_before_all_else() -> None:
    bench = Bench()
    bench.vitals.fault = "the disk is full"

    assert bench.life.status() == "storage fault, nothing is released: the disk is full"


def test_a_store_that_went_back_is_told_of_before_the_next_term_begins() -> None:
    bench = Bench()
    terms: list[str] = []

    class Watched(Breaking):
        @override
        def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
            terms.append("new term" if new_term else "beat")
            return super().beat(row, new_term=new_term)

    bench.store = bench.life.store = Watched("run-1")
    bench.life.lost = lambda: terms.append("lost")
    bench.life.give()
    bench.clock.advance(15 * SECOND)
    bench.life.give()
    assert terms == ["beat", "beat"]

    bench.store.rows.daemons["run-1"] = replace(bench.row(), beat_at=NIGHT)
    bench.clock.advance(15 * SECOND)
    with structlog.testing.capture_logs() as logged:
        bench.life.give()
    assert terms[2:] == ["beat", "lost", "new term"]
    assert [line["event"] for line in logged] == ["store_went_back"]
    assert bench.row().beat_at == bench.clock.now()

    bench.life.give()
    bench.life.begin_term()
    assert terms[5:] == ["beat", "lost", "new term"]
