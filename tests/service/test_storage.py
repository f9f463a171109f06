"""Releases stop with the first error of the store, and go on after a write that succeeds."""

from datetime import datetime, timedelta

import pytest
import structlog
from typing_extensions import override

from fakes.builders import NIGHT
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from offpeakd.core.errors import DatabaseError, DatabaseUntrustedError
from offpeakd.service.holds import Vitals
from offpeakd.service.storage import FIRST_PAUSE, LONGEST_PAUSE, SOUND_AGAIN, Storage

FULL = DatabaseError("the disk is full", fix="Free some space.")
TICK = timedelta(microseconds=1)


class Failing(MemoryStore):
    """A store whose probe fails with what is set."""

    failure: DatabaseError | None = None
    probes = 0

    @override
    def high_water(self, now: datetime) -> datetime:
        self.probes += 1
        if self.failure is not None:
            raise self.failure
        return super().high_water(now)


class Bench:
    def __init__(self) -> None:
        self.clock = SetClock(NIGHT)
        self.store = Failing()
        self.vitals = Vitals(NIGHT)
        self.storage = Storage(self.store, self.clock, self.vitals)

    def probe_after(self, span: timedelta) -> datetime | None:
        self.clock.advance(span)
        return self.storage.probe()

    def wait(self) -> timedelta:
        """Until the next try."""
        due = self.storage.probe()
        assert due is not None
        return due - self.clock.now()


def test_a_sound_store_is_not_probed() -> None:
    bench = Bench()

    assert bench.storage.probe() is None
    assert bench.store.probes == 0


def test_the_first_error_latches_and_is_logged_alone() -> None:
    bench = Bench()
    with structlog.testing.capture_logs() as logged:
        assert bench.storage.troubled("release prod", FULL)
        assert not bench.storage.troubled("beat", DatabaseError("still full"))

    assert bench.vitals.fault == "the disk is full"
    assert [line["event"] for line in logged] == ["storage_fault"]
    assert logged[0]["error"] == "the disk is full. Free some space."


@pytest.mark.parametrize(
    ("span", "probes"),
    [(FIRST_PAUSE - TICK, 0), (FIRST_PAUSE, 1), (FIRST_PAUSE + TICK, 1)],
    ids=["just before", "at", "just after"],
)
def test_a_write_is_tried_after_a_pause(span: timedelta, probes: int) -> None:
    bench = Bench()
    bench.storage.troubled("beat", FULL)
    bench.probe_after(span)

    assert bench.store.probes == probes
    assert (bench.vitals.fault is None) == bool(probes)


def test_the_end_is_logged_once_with_how_long_it_took() -> None:
    bench = Bench()
    bench.storage.troubled("beat", FULL)
    with structlog.testing.capture_logs() as logged:
        bench.probe_after(FIRST_PAUSE)
        bench.probe_after(FIRST_PAUSE)

    assert [(line["event"], line["after_seconds"]) for line in logged] == [("storage_sound", 1.0)]


def test_the_pause_grows_while_writes_fail_and_is_bounded() -> None:
    bench = Bench()
    bench.storage.troubled("beat", FULL)
    bench.store.failure = DatabaseError("full as before")
    waits: list[int] = []
    for _ in range(7):
        bench.clock.advance(bench.wait())
        waits.append(round(bench.wait().total_seconds()))

    assert waits == [2, 4, 8, 15, 15, 15, 15]
    assert bench.vitals.fault == "full as before"


@pytest.mark.parametrize(
    ("sound_for", "pause"),
    [
        (timedelta(0), 2 * FIRST_PAUSE),
        (SOUND_AGAIN - TICK, 2 * FIRST_PAUSE),
        (SOUND_AGAIN, FIRST_PAUSE),
    ],
    ids=str,
)
def test_a_relapse_waits_longer(sound_for: timedelta, pause: timedelta) -> None:
    bench = Bench()
    bench.storage.troubled("beat", FULL)
    bench.probe_after(FIRST_PAUSE)
    bench.clock.advance(sound_for)
    bench.storage.troubled("release prod", FULL)

    assert bench.wait() == pause


def test_going_back_and_forth_is_bounded_too() -> None:
    bench = Bench()
    for _ in range(8):
        bench.storage.troubled("release prod", FULL)
        bench.clock.advance(bench.wait())
        assert bench.storage.probe() is None
    bench.storage.troubled("release prod", FULL)

    assert bench.wait() == LONGEST_PAUSE


def test_what_is_past_trusting_is_not_tried_again() -> None:
    bench = Bench()
    bench.storage.troubled("beat", FULL)
    bench.store.failure = DatabaseUntrustedError("replaced")

    with pytest.raises(DatabaseUntrustedError):
        bench.probe_after(FIRST_PAUSE)


def test_the_store_is_begun_anew_on_before_the_fault_is_over() -> None:
    bench = Bench()
    faults: list[str | None] = []
    bench.storage.begin_anew = lambda: faults.append(bench.vitals.fault)
    bench.storage.troubled("beat", FULL)
    bench.probe_after(FIRST_PAUSE)

    assert faults == ["the disk is full"]
    assert bench.vitals.fault is None


def test_a_store_that_can_not_be_begun_anew_on_stays_at_fault() -> None:
    bench = Bench()

    def fail() -> None:
        raise DatabaseError("gone again")

    bench.storage.begin_anew = fail
    bench.storage.troubled("beat", FULL)
    bench.probe_after(FIRST_PAUSE)

    assert bench.vitals.fault == "gone again"
