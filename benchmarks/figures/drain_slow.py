"""Draining at 100 ms a call with several targets busy at once, beside what arithmetic allows."""

import time
from contextlib import closing
from dataclasses import replace
from statistics import median
from uuid import uuid4

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import race
from benchmarks.bed.sides import ids, offpeakd_sqlite
from benchmarks.bed.tell import Row, at_least, middle, ratios
from benchmarks.loops import sqlite_loop

LATENCY = 0.1
TARGETS = (1, 4, 8)


def measure(bench: Bench) -> list[Row]:
    each = bench.of(400, 50)
    stub = bench.stub(each)
    sides = {
        targets: replace(
            offpeakd_sqlite(each * targets, stub, bench.folder(), targets),
            name=f"{targets} targets",
        )
        for targets in TARGETS
    }
    cycle = _store_cycle(bench)
    rows = []
    for targets, side in sides.items():
        laps = race([side], each * targets, bench.rounds, stub, LATENCY)
        rate = [lap.steady for lap in laps[side.name]]
        limit = targets * 10 / (LATENCY + cycle)
        rows.append(
            at_least(
                f"drain at 100 ms a call, {targets} targets busy: instances a second",
                middle(rate, "/s"),
                f"{targets} x 10 / (100 ms + {cycle * 1000:.1f} ms for a claim and record by hand)"
                f" = {limit:.0f} /s",
                ratios(rate, [limit] * len(rate)),
                0.85,
            )
        )
    return rows


def _store_cycle(bench: Bench) -> float:
    """Seconds of a claim and a record by hand, nothing between them."""
    file = bench.folder() / "queue.db"
    cycles = bench.of(200, 20)
    sqlite_loop.make(file, ids(10 * cycles))
    times = []
    with closing(sqlite_loop.connect(file)) as connection:
        for _ in range(cycles):
            batch = uuid4().hex
            began = time.perf_counter()
            claimed = sqlite_loop.claim(connection, batch)
            sqlite_loop.record(connection, batch, claimed, {one: "job" for _, one in claimed})
            times.append(time.perf_counter() - began)
    return median(times)
