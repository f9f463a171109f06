"""Draining 4,000 requests in tens from SQLite, beside a loop written by hand."""

from collections.abc import Sequence

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import Lap, Side, race
from benchmarks.bed.sides import offpeakd_sqlite, sqlite_by_hand
from benchmarks.bed.tell import Row, at_least, at_most, middle, ratios


def measure(bench: Bench) -> list[Row]:
    items = bench.of(4000, 400)
    stub = bench.stub(items)
    ours = offpeakd_sqlite(items, stub, bench.folder())
    alike, usual = sqlite_by_hand(items, stub), sqlite_by_hand(items, stub, "DELETE")
    laps = race([ours, alike, usual], items, bench.rounds, stub)
    same = f"drain {items:,} on SQLite (journal PERSIST, synchronous EXTRA, both)"
    other = f"drain {items:,} on SQLite (synchronous EXTRA; by hand the usual journal DELETE)"
    return [
        *_beside(alike, laps[ours.name], laps[alike.name], same),
        *_beside(usual, laps[ours.name], laps[usual.name], other),
    ]


def _beside(theirs: Side, us: Sequence[Lap], them: Sequence[Lap], figure: str) -> list[Row]:
    rate = ([lap.rate for lap in us], [lap.rate for lap in them])
    spent = ([lap.processor for lap in us], [lap.processor for lap in them])
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
