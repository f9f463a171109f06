"""A tick with a million requests queued and nothing open, beside one on an empty queue."""

import time
from statistics import median

from benchmarks.bed.bench import Bench
from benchmarks.bed.big_queue import grow
from benchmarks.bed.lane import Lane, a_lane, spread
from benchmarks.bed.tell import Row, at_most, middle, ratios
from offpeakd import app


def measure(bench: Bench) -> list[Row]:
    many = bench.of(1_000_000, 20_000)
    rows = []
    for name in ("SQLite", "PostgreSQL"):
        full, empty = (_new(bench, name) for _ in range(2))
        grow(full, queued=many, groups=10)
        grow(empty, queued=0)
        calendar = spread(10, 0, app.system_clock().now())
        with a_lane(full, calendar) as busy, a_lane(empty, calendar) as idle:
            found = _ticks(busy, idle, bench.rounds, bench.of(20, 5))
        rows.append(
            at_most(
                f"a tick on {name}, {many:,} queued, nothing open",
                middle([one for one, _ in found], "ms", 1000),
                f"nothing queued: {middle([one for _, one in found], 'ms', 1000)}",
                ratios([one for one, _ in found], [one for _, one in found]),
                1.5,
            )
        )
    return rows


def _new(bench: Bench, name: str) -> str:
    if name == "SQLite":
        return f"sqlite:///{bench.folder()}/queue.db"
    return bench.server.url(bench.server.new())


def _ticks(busy: Lane, idle: Lane, rounds: int, each: int) -> list[tuple[float, float]]:
    found = []
    for _ in range(rounds):
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(each):
            for lane, times in zip((busy, idle), taken, strict=True):
                began = time.perf_counter()
                lane.tick()
                times.append(time.perf_counter() - began)
        found.append((median(taken[0]), median(taken[1])))
    return found
