"""Memory of a daemon that drains a queue of a million, beside one with ten thousand."""

from pathlib import Path
from statistics import median

from benchmarks.bed.bench import Bench
from benchmarks.bed.big_queue import grow
from benchmarks.bed.installation import configure, run_command
from benchmarks.bed.running import Stub, program
from benchmarks.bed.tell import Row, at_most, middle, ratios

MOST = 85
DRAINED = 500


def measure(bench: Bench) -> list[Row]:
    sizes = (bench.of(1_000_000, 20_000), 10_000)
    stub = bench.stub(DRAINED)
    folders = [bench.folder() for _ in sizes]
    for folder, size in zip(folders, sizes, strict=True):
        url = f"sqlite:///{folder / 'offpeakd.db'}"
        grow(url, queued=size)
        configure(folder, url, stub.url)
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(min(bench.rounds, 5)):
        for folder, megabytes in zip(folders, found, strict=True):
            megabytes.append(_peak(run_command(folder, "run"), folder, stub))
    large, small = (f"{size:,} queued" for size in sizes)
    ratio = ratios(*found)
    return [
        at_most(
            f"memory at the most while it drains {DRAINED}, {large}",
            middle(found[0], "MB"),
            f"{small}: {middle(found[1], 'MB')}",
            ratio,
            1.1,
        ),
        Row(
            f"memory at the most, {large}",
            middle(found[0], "MB"),
            "-",
            "-",
            f"≤ {MOST} MB",
            median(found[0]) <= MOST,
        ),
    ]


def _peak(command: list[str], folder: Path, stub: Stub) -> float:
    stub.reset()
    with program(command, folder) as running:
        stub.wait_for("items", DRAINED)
        return running.memory()[1]
