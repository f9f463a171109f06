"""A seed is the whole run: the same again, in another process too."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.baton import HOUR, SECOND, Timeline
from simulation.checker import check
from simulation.controls import NAIVE
from simulation.report import told, whole_trace
from simulation.simulation import simulate

HERE = Path(__file__).parent
TESTS = HERE.parent
DIGEST = """
import hashlib
from simulation.report import whole_trace
from simulation.simulation import simulate
text = "".join(whole_trace(simulate(seed)) for seed in (3, 7, 11))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_a_seed_runs_the_same_way_again() -> None:
    assert whole_trace(simulate(5)) == whole_trace(simulate(5))


def test_seeds_differ() -> None:
    assert whole_trace(simulate(5)) != whole_trace(simulate(6))


def test_another_process_runs_a_seed_the_same_way() -> None:
    found = {_digest(hash_seed) for hash_seed in ("1", "2")}
    text = "".join(whole_trace(simulate(seed)) for seed in (3, 7, 11))
    assert found == {hashlib.sha256(text.encode()).hexdigest()}


def _digest(hash_seed: str) -> str:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    ended = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environ, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def test_a_seed_that_breaks_a_promise_says_how_to_see_it_again() -> None:
    broken = next(
        (run, found)
        for run, found in ((run, check(run)) for run in (simulate(n, NAIVE) for n in range(50)))
        if found
    )
    text = told(*broken)
    assert f"SEED={broken[0].seed} make simulate" in text
    assert str(broken[1][0]) in text


def test_by_hand_one_seed_shows_every_step_and_many_show_progress() -> None:
    one = _by_hand("--seed", "5")
    assert one.stdout.rstrip().endswith("seed 5 kept every promise")
    assert "THE TROUBLE IS OVER" in one.stdout
    many = _by_hand("--seeds", "4", "--processes", "1")
    assert "4 of 4 seeds, 0 broke a promise" in many.stdout


def _by_hand(*arguments: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    return subprocess.run(
        [sys.executable, "-m", "simulation", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_thread_that_ran_last_can_be_woken_too() -> None:
    timeline = Timeline(random.Random(1))
    woken: list[int] = []

    def sleeps() -> None:
        timeline.wait(HOUR)
        woken.append(timeline.now)

    sleeper = timeline.start("sleeper", sleeps)
    timeline.call_at(SECOND, lambda: timeline.wake(sleeper, timeline.now))
    timeline.run(2 * HOUR)

    assert (woken, timeline.failure) == ([SECOND], None)


@pytest.mark.parametrize("name", ["baton.py", "checker.py", "cloud.py"])
def test_the_simulation_reads_no_clock_of_its_own(name: str) -> None:
    text = (HERE / name).read_text(encoding="utf-8")
    assert "import time" not in text
    assert "datetime.now" not in text
