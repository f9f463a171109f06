"""Passes start when they are due, never twice at once, and none of them makes the ticker spin."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
import structlog

from fakes.installation import patiently
from fakes.set_clock import SetClock
from offpeakd.adapters.clock import SystemClock
from offpeakd.clockwork import Wake
from offpeakd.core.errors import DatabaseConflictError, DatabaseError, DatabaseUntrustedError
from offpeakd.service.progress import Progress
from offpeakd.ticker import AFTER_CONFLICT, AT_MOST, CHORE_AT_MOST, Ticker, due_at

CLOCK = SystemClock()
LATER = timedelta(hours=1)
SPINNING = 0.5
"""Seconds of processor time in one second: far more than waiting takes."""


class Bench:
    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.troubles: list[tuple[str, str]] = []
        self.progress = Progress(CLOCK)
        self.ticker = Ticker(
            CLOCK,
            self.stopping,
            lambda work, error: self.troubles.append((work, error.message)),
            self.progress,
        )
        self.passes: list[datetime] = []

    def has_passed(self, times: int) -> bool:
        return patiently(lambda: len(self.passes) == times)

    def counted(self, wait: Callable[[], datetime]) -> Callable[[], datetime]:
        def work() -> datetime:
            self.passes.append(CLOCK.now())
            return wait()

        return work


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.ticker.stop()


def test_a_pass_that_takes_long_is_not_asked_for_again_meanwhile(bench: Bench) -> None:
    ended = threading.Event()

    def long() -> datetime:
        assert ended.wait(20)
        return CLOCK.now() + LATER

    bench.ticker.add("long", bench.counted(long))
    bench.ticker.start()
    assert patiently(lambda: len(bench.passes) == 1)
    for _ in range(5):
        bench.ticker.wake("long")
    spent = time.process_time()
    assert not ended.wait(1)

    assert time.process_time() - spent < SPINNING
    assert len(bench.passes) == 1
    assert bench.ticker.longest_silence() >= timedelta(seconds=1)
    ended.set()


def test_a_clock_that_jumps_asks_for_one_pass_not_for_each_that_was_missed() -> None:
    at = CLOCK.now()

    assert Wake(AT_MOST).get_next_fire_time(None, at) == at
    for jump in (timedelta(0), timedelta(days=1), timedelta(days=-1)):
        assert Wake(AT_MOST).get_next_fire_time(at, at + jump) == at + jump + AT_MOST


@pytest.mark.parametrize("at_most", [AT_MOST, CHORE_AT_MOST])
def test_work_gets_the_instant_that_it_asks_for_if_that_lies_ahead_and_not_too_far(
    at_most: timedelta,
) -> None:
    now = CLOCK.now()
    moment = timedelta(milliseconds=1)

    assert due_at(now + at_most - moment, now, at_most) == now + at_most - moment
    assert due_at(now + at_most, now, at_most) == now + at_most
    assert due_at(now + at_most + moment, now, at_most) == now + at_most
    assert due_at(now, now, at_most) == now + moment
    assert due_at(now - LATER, now, at_most) == now + moment


def test_a_chore_may_wait_longer_than_what_watches_for_an_edge() -> None:
    assert CHORE_AT_MOST > AT_MOST


def test_a_pass_that_asks_for_an_instant_long_past_does_not_spin(bench: Bench) -> None:
    past = CLOCK.now() - LATER
    enough = threading.Event()

    def again() -> datetime:
        if len(bench.passes) == 20:
            enough.set()
            return CLOCK.now() + LATER
        return past

    bench.ticker.add("eager", bench.counted(again))
    bench.ticker.start()

    assert enough.wait(20)
    gaps = [after - before for before, after in zip(bench.passes, bench.passes[1:], strict=False)]
    assert min(gaps) >= timedelta(milliseconds=1)


def test_new_work_may_ask_for_its_first_pass_to_come_later(bench: Bench) -> None:
    moment = timedelta(milliseconds=200)
    asked = CLOCK.now() + moment
    first = threading.Event()

    def once() -> datetime:
        first.set()
        return CLOCK.now() + LATER

    bench.ticker.add("chore", bench.counted(once), first=asked)
    bench.ticker.add("much later", bench.counted(once), first=CLOCK.now() + LATER)
    bench.ticker.start()

    assert first.wait(20)
    assert [at >= asked for at in bench.passes] == [True]


def test_an_error_of_the_store_is_told_and_the_work_goes_on_later(bench: Bench) -> None:
    def fail() -> datetime:
        raise DatabaseError("the disk is full")

    bench.ticker.add("failing", bench.counted(fail))
    bench.ticker.start()

    assert patiently(lambda: bench.troubles == [("failing", "the disk is full")])
    assert bench.ticker.failure() is None
    bench.ticker.wake("failing")
    assert patiently(lambda: len(bench.passes) == 2)


def test_a_pass_that_another_writer_forestalled_is_made_again_and_stops_nothing_else(
    bench: Bench,
) -> None:
    def forestalled() -> datetime:
        raise DatabaseConflictError("two writers")

    bench.ticker.add("forestalled", bench.counted(forestalled))
    bench.ticker.start()
    assert patiently(lambda: len(bench.passes) == 2)
    assert bench.passes[1] - bench.passes[0] >= AFTER_CONFLICT
    assert bench.troubles == []


def test_a_wake_up_that_comes_before_what_wakes_is_loaded_is_kept(bench: Bench) -> None:
    def once() -> datetime:
        return CLOCK.now() + LATER

    bench.ticker.add("early", bench.counted(once))
    bench.ticker.start()
    assert bench.has_passed(1)
    bench.ticker.wake("early")

    assert bench.has_passed(2)


def test_work_that_asks_for_later_than_it_may_is_woken_in_time(bench: Bench) -> None:
    bench.ticker.add("patient", bench.counted(lambda: CLOCK.now() + LATER))
    bench.ticker.start()
    assert patiently(lambda: bench.ticker._clockwork is not None)
    before = CLOCK.now()
    bench.ticker.wake("patient")
    assert bench.has_passed(2)
    assert patiently(lambda: bench.ticker.longest_silence() == timedelta(0))

    assert bench.ticker._clockwork is not None
    due = bench.ticker._clockwork._scheduler.get_job("patient").next_run_time
    assert before + AT_MOST <= due <= CLOCK.now() + AT_MOST


def test_a_ticker_that_stops_at_once_loads_nothing_more(bench: Bench) -> None:
    bench.ticker.add("only", bench.counted(lambda: CLOCK.now() + LATER))
    bench.ticker.start()
    bench.ticker.stop()

    assert bench.ticker._clockwork is None
    assert len(bench.passes) <= 1


@pytest.mark.parametrize(
    ("error", "event"),
    [(DatabaseUntrustedError("replaced"), "database_untrusted"), (ValueError("odd"), "defect")],
)
def test_a_defect_and_a_database_past_trusting_end_the_daemon(
    bench: Bench, error: Exception, event: str
) -> None:
    def fail() -> datetime:
        raise error

    with structlog.testing.capture_logs() as logged:
        bench.ticker.add("failing", bench.counted(fail))
        bench.ticker.start()
        assert bench.stopping.wait(20)

    assert bench.ticker.failure() is error
    assert [line["event"] for line in logged] == [event]
    assert bench.troubles == []
    bench.ticker.wake("failing")
    assert len(bench.passes) == 1


def test_work_that_is_woken_while_it_runs_runs_once_more_at_once(bench: Bench) -> None:
    """What it was woken for may have come just after it looked."""
    looked, told = threading.Event(), threading.Event()

    def look() -> datetime:
        looked.set()
        assert told.wait(20)
        return CLOCK.now() + LATER

    bench.ticker.add("looking", bench.counted(look))
    bench.ticker.start()
    assert looked.wait(20)
    for _ in range(3):
        bench.ticker.wake("looking")
    told.set()

    assert patiently(lambda: len(bench.passes) == 2, AT_MOST.total_seconds() / 3)
    assert not patiently(lambda: len(bench.passes) > 2, 0.5), "three wake-ups are one look"


def test_no_wake_up_is_lost_and_no_two_passes_run_at_once(bench: Bench) -> None:
    running, seen = threading.Semaphore(1), list[int]()
    wanted = 0

    def look() -> datetime:
        assert running.acquire(blocking=False), "twice at once"
        seen.append(wanted)
        running.release()
        return CLOCK.now() + LATER

    def has_seen(number: int) -> bool:
        return seen[-1:] == [number]

    bench.ticker.add("looking", look)
    bench.ticker.start()
    for number in range(1, 101):
        wanted = number
        bench.ticker.wake("looking")
        if number % 3:
            assert patiently(partial(has_seen, number), 10), f"wake-up {number} is lost"
    assert bench.ticker.failure() is None


def test_a_pass_that_wakes_others_does_not_keep_the_ticker_from_stopping() -> None:
    bench, under_way, stopped = Bench(), threading.Event(), threading.Event()

    def wake_others() -> datetime:
        under_way.set()
        assert bench.stopping.wait(20)
        while not stopped.wait(0.05) and len(bench.passes) < 20:
            bench.passes.append(CLOCK.now())
            bench.ticker.wake("other")
        return CLOCK.now()

    bench.ticker.add("other", lambda: CLOCK.now() + LATER)
    bench.ticker.add("waking", wake_others)
    bench.ticker.start()
    assert under_way.wait(20)
    stopping = threading.Thread(target=bench.ticker.stop, daemon=True)
    stopping.start()
    stopping.join(20)

    assert not stopping.is_alive()
    assert len(bench.passes) == 20


@pytest.mark.parametrize("late", [False, True], ids=["at the start", "later"])
def test_waking_what_was_removed_is_no_defect_even_if_its_pass_was_under_way(
    bench: Bench, late: bool
) -> None:
    begun, removed = threading.Event(), threading.Event()

    def long() -> datetime:
        begun.set()
        assert removed.wait(20)
        return CLOCK.now()

    if late:
        bench.ticker.start()
        assert patiently(lambda: bench.ticker._clockwork is not None)
    bench.ticker.add("gone", bench.counted(long))
    if not late:
        bench.ticker.start()
    assert begun.wait(20)
    bench.ticker.remove("gone")
    bench.ticker.wake("gone")
    removed.set()
    bench.ticker.wake("gone")

    assert patiently(lambda: bench.ticker.longest_silence() == timedelta(0))
    assert bench.ticker.failure() is None


def test_work_that_is_added_later_waits_for_no_other_however_much_is_under_way(
    bench: Bench,
) -> None:
    ended, under_way = threading.Event(), threading.Semaphore(0)

    def hang() -> datetime:
        under_way.release()
        assert ended.wait(20)
        return CLOCK.now() + LATER

    bench.ticker.start()
    for number in range(34):
        bench.ticker.add(f"lane {number}", hang)
    assert all(under_way.acquire(timeout=20) for _ in range(34))
    bench.ticker.add("beat", bench.counted(lambda: CLOCK.now() + LATER))

    assert patiently(lambda: len(bench.passes) == 1)
    ended.set()


def test_a_pass_that_takes_long_and_gets_on_is_not_silent(bench: Bench) -> None:
    steps, ended = threading.Semaphore(0), threading.Event()
    clock = SetClock()
    bench.progress.clock = clock

    def slow() -> datetime:
        while steps.acquire(timeout=20) and not ended.is_set():
            bench.progress.step()
            bench.passes.append(CLOCK.now())
        return CLOCK.now() + LATER

    bench.ticker.add("slow", slow)
    bench.ticker.start()
    for number in range(1, 6):
        steps.release()
        assert bench.has_passed(number)
        assert bench.ticker.longest_silence() == timedelta(0)
        clock.advance(timedelta(minutes=4))
    assert bench.ticker.longest_silence() == timedelta(minutes=4)

    ended.set()
    steps.release()
    assert patiently(lambda: bench.ticker.longest_silence() == timedelta(0))
