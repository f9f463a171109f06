"""Runs every benchmark and prints one table."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from offpeakd.core.calendar import Calendar
from offpeakd.core.selectors import parse_days, parse_local_time
from offpeakd.core.windows import Window

ROUNDS = 7
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Asia/Shanghai", "America/New_York")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def windows(number: int) -> dict[str, Window]:
    return {
        f"w{place}": Window(
            name=f"w{place}",
            zone=ZONES[place % 3],
            days=(parse_days("daily"),),
            start=parse_local_time(f"{place % 24:02}:{place % 60:02}"),
            end=parse_local_time(f"{(place + 3) % 24:02}:{(place + 1) % 60:02}", end=True),
        )
        for place in range(number)
    }


def sweep() -> tuple[float, float]:
    """Ask 10,000 groups how they stand: first time, and from what is kept."""
    names = windows(10_000)
    cold, warm = [], []
    for _ in range(ROUNDS):
        calendar = Calendar(names, (), {name: (name,) for name in names})
        cold.append(seconds(lambda: [calendar.at(NOON, name) for name in names]))  # noqa: B023 - run at once
        warm.append(seconds(lambda: [calendar.at(NOON, name) for name in names]))  # noqa: B023 - likewise
    return statistics.median(cold), statistics.median(warm)


def start(*arguments: str) -> float:
    return seconds(
        lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    )


def help_ratio() -> float:
    """`--help` beside an interpreter that does nothing, in turn."""
    ratios = []
    for _ in range(ROUNDS):
        nothing = start("-c", "pass")
        ratios.append(start("-m", "offpeakd", "--help") / nothing)
    return statistics.median(ratios)


def main() -> None:
    cold, warm = sweep()
    print(f"Python {platform.python_version()}, {platform.machine()}, medians of {ROUNDS}")
    print(f"10,000 windows, first answer      {cold * 1000:8.1f} ms")
    print(f"10,000 windows, from what is kept {warm * 1000:8.1f} ms")
    print(f"--help / python -c pass           {help_ratio():8.1f} x")


main()
