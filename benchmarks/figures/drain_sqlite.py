"""Draining 4,000 requests in tens from SQLite, beside a loop written by hand."""

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import race
from benchmarks.bed.sides import offpeakd_sqlite, sqlite_by_hand
from benchmarks.bed.tell import Row, at_least, at_most, middle, ratios


def measure(bench: Bench) -> list[Row]:
    items = bench.of(4000, 400)
    stub = bench.stub(items)
    ours, theirs = offpeakd_sqlite(items, stub, bench.folder()), sqlite_by_hand(items, stub)
    laps = race([ours, theirs], items, bench.rounds, stub)
    us, them = laps[ours.name], laps[theirs.name]
    rate = ([lap.rate for lap in us], [lap.rate for lap in them])
    spent = ([lap.processor for lap in us], [lap.processor for lap in them])
    figure = f"drain {items:,} on SQLite (journal PERSIST, synchronous EXTRA, both)"
    return [
        at_least(
            f"{figure}: instances a second",
            middle(rate[0], "/s"),
            f"{theirs.name}: {middle(rate[1], '/s')}",
            ratios(*rate),
            0.7,
        ),
        at_most(
            f"{figure}: processor time of 1,000",
            middle(spent[0], "ms", 1000),
            f"{theirs.name}: {middle(spent[1], 'ms', 1000)}",
            ratios(*spent),
            1.8,
        ),
    ]
