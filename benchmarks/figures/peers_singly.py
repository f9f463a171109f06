"""Draining beside peers with one job an instance, as one would write it first."""

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import race
from benchmarks.bed.sides import offpeakd_postgresql, offpeakd_sqlite
from benchmarks.bed.tell import Row, at_least, middle, ratios
from benchmarks.peers.sides import in_files, on_server


def measure(bench: Bench) -> list[Row]:
    items = bench.of(600, 60)
    stub = bench.stub(items)
    ours = offpeakd_sqlite(items, stub, bench.folder())
    there = offpeakd_postgresql(items, stub, bench.server, bench.folder())
    scheduled = in_files(
        "APScheduler, SQLAlchemy job store", "apscheduler_peer", bench, stub, 1, items
    )
    queued = on_server("procrastinate", "procrastinate_peer", bench, stub, 1, items)
    laps = race([ours, there, scheduled, queued], items, bench.rounds, stub)
    rows = []
    for one, other in ((ours, scheduled), (there, queued)):
        us, them = ([lap.rate for lap in laps[side.name]] for side in (one, other))
        rows.append(
            at_least(
                f"drain beside {other.name}, one job an instance: instances a second",
                f"{middle(us, '/s')} ({one.name})",
                middle(them, "/s"),
                ratios(us, them),
                5.0,
            )
        )
    return rows
