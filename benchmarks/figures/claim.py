"""A claim at a million requests beside one at a thousand, on both databases."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks.bed.bench import Bench
from benchmarks.bed.big_queue import grow
from benchmarks.bed.lane import Lane, a_lane, always, spread
from benchmarks.bed.tell import Row, at_most, middle, ratios
from offpeakd import app

SMALL = "1,000 queued"


def measure(bench: Bench) -> list[Row]:
    rows = []
    for name, new in (("SQLite", _file(bench)), ("PostgreSQL", _database(bench))):
        rows.extend(_measure(bench, name, new))
    return rows


def _file(bench: Bench) -> Callable[[], str]:
    return lambda: f"sqlite:///{bench.folder()}/queue.db"


def _database(bench: Bench) -> Callable[[], str]:
    return lambda: bench.server.url(bench.server.new())


def _measure(bench: Bench, name: str, new: Callable[[], str]) -> list[Row]:
    many, groups = bench.of(1_000_000, 20_000), bench.of(10_000, 200)
    small, big, old, spread_out = new(), new(), new(), new()
    grow(small, queued=1000)
    grow(big, queued=many)
    grow(old, queued=1000, finished=many)
    grow(spread_out, queued=many, groups=groups)
    now = app.system_clock().now()
    opened = {f"{one:,} of {groups:,} windows open": one for one in (1, groups // 100, groups // 2)}
    goals = {f"{many:,} queued": 1.2, f"1,000 queued and {many:,} finished": 1.2}
    with ExitStack() as stack:
        lanes = {
            SMALL: stack.enter_context(a_lane(small, always())),
            f"{many:,} queued": stack.enter_context(a_lane(big, always())),
            f"1,000 queued and {many:,} finished": stack.enter_context(a_lane(old, always())),
        }
        for text, number in opened.items():
            figure = f"{many:,} queued, {text}"
            goals[figure] = 1.5
            lanes[figure] = stack.enter_context(a_lane(spread_out, spread(groups, number, now)))
        found = claims(lanes, bench.rounds, bench.of(12, 4))
    return [
        at_most(
            f"claim on {name}, {text}",
            middle(found[text], "ms", 1000),
            f"{SMALL}: {middle(found[SMALL], 'ms', 1000)}",
            ratios(found[text], found[SMALL]),
            goal,
        )
        for text, goal in goals.items()
    ]


def claims(lanes: Mapping[str, Lane], rounds: int, each: int) -> dict[str, list[float]]:
    """Seconds of a claim: the median of each round."""
    found: dict[str, list[float]] = {name: [] for name in lanes}
    order = list(lanes)
    shuffled = random.Random(1)
    for one in lanes.values():
        one.record(one.claim())
    for _ in range(rounds):
        taken: dict[str, list[float]] = {name: [] for name in lanes}
        for one in lanes.values():
            one.beat()
        for _ in range(each):
            shuffled.shuffle(order)
            for name in order:
                began = time.perf_counter()
                batch = lanes[name].claim()
                taken[name].append(time.perf_counter() - began)
                lanes[name].record(batch)
        for name, times in taken.items():
            found[name].append(median(times))
    return found
