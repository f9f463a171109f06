"""A pass that reads slowly gets somewhere; one that hangs does not."""

import threading
from datetime import timedelta

from fakes.builders import a_calendar, always
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from offpeakd import app
from offpeakd.adapters.huaweicloud.budget import CallBudget
from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys
from offpeakd.core.policy import Policy
from offpeakd.service.holds import Vitals
from offpeakd.service.progress import Progress
from offpeakd.service.rules import CurrentRules, Rules

MINUTE = timedelta(minutes=1)
ME = threading.get_ident()


def test_silence_counts_from_a_threads_own_last_step() -> None:
    clock = SetClock()
    progress = Progress(clock)
    progress.step()
    clock.advance(MINUTE)
    other = threading.Thread(target=progress.step)
    other.start()
    other.join()
    clock.advance(MINUTE)

    assert progress.silence(ME) == 2 * MINUTE
    progress.step()
    assert progress.silence(ME) == timedelta(0)


def test_a_thread_that_has_taken_no_step_yet_is_not_silent() -> None:
    assert Progress(SetClock()).silence(-1) == timedelta(0)


def test_hours_of_reads_that_each_wait_for_their_turn_are_no_silence() -> None:
    clock = SetClock()
    progress = Progress(clock)
    rules = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 1}, "c", "z"))
    parts = app.LaneParts(
        "me",
        MemoryStore(),
        clock,
        rules,
        threading.Event(),
        {},
        Vitals(clock.now()),
        RefusedKeys(clock),
        progress,
    )
    budget = CallBudget("prod", 1, clock, clock.wait, lambda most: parts.take_call("prod", most))
    progress.step()
    began, silences = clock.boottime(), list[timedelta]()
    for _ in range(180):
        budget.take_for_read(2 * MINUTE)
        silences.append(progress.silence(ME))
        clock.advance(timedelta(seconds=1))

    assert clock.boottime() - began > timedelta(hours=2)
    assert max(silences) == timedelta(0)
