"""Draining in tens beside the peers: ten instances a job, each set to be durable; then as it comes."""

from collections.abc import Mapping, Sequence

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import Lap, Side, race
from benchmarks.bed.sides import bash_by_hand, offpeakd_postgresql, offpeakd_sqlite
from benchmarks.bed.tell import Row, at_least, middle, ratios, shown
from benchmarks.peers.sides import in_files, on_server

GIVEN_UP = {
    "pgqueuer, its defaults": "ten jobs at once; ends written from a buffer",
    "huey, its defaults": "fsync as SQLite has it, results stored; a crash loses the job",
    "celery, its defaults": "file system broker: nothing synced, acknowledged before the call",
}


def measure(bench: Bench) -> list[Row]:
    items = bench.of(1000, 100)
    stub = bench.stub(items)
    shared = (bench, stub, 10, items)
    ours = offpeakd_sqlite(items, stub, bench.folder())
    there = offpeakd_postgresql(items, stub, bench.server, bench.folder())
    beside: list[tuple[Side, Side]] = [
        (there, on_server("procrastinate", "procrastinate_peer", *shared)),
        (there, on_server("pgqueuer", "pgqueuer_peer", *shared)),
        (ours, in_files("huey", "huey_peer", *shared)),
        (ours, in_files("celery (SQLAlchemy broker)", "celery_peer", *shared)),
        (ours, bash_by_hand(items, stub)),
    ]
    defaults: list[tuple[Side, Side]] = [
        (there, on_server("pgqueuer, its defaults", "pgqueuer_peer", *shared, durable=False)),
        (ours, in_files("huey, its defaults", "huey_peer", *shared, durable=False)),
        (ours, in_files("celery, its defaults", "celery_peer", *shared, durable=False)),
    ]
    sides = [ours, there, *(side for _, side in (*beside, *defaults))]
    laps = race(sides, items, bench.rounds, stub)
    rows = [_row(one, other, laps, 5.0 if "bash" in other.name else 1.0) for one, other in beside]
    return [*rows, *(_row(one, other, laps, None) for one, other in defaults)]


def _row(ours: Side, other: Side, laps: Mapping[str, Sequence[Lap]], goal: float | None) -> Row:
    us, them = ([lap.rate for lap in laps[side.name]] for side in (ours, other))
    figure = f"drain in tens beside {other.name}: instances a second"
    given_up = GIVEN_UP.get(other.name)
    theirs = middle(them, "/s") + (f" ({given_up})" if given_up else "")
    facts = (figure, f"{middle(us, '/s')} ({ours.name})", theirs, ratios(us, them))
    return shown(*facts) if goal is None else at_least(*facts, goal)
