"""Claims at the end of a long drain beside those at its beginning, while others keep reading.

What they read is what this version shows: `list` of everything, `status`, and `failures`.
"""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.bed.bench import Bench
from benchmarks.bed.big_queue import grow
from benchmarks.bed.installation import configure, run_command
from benchmarks.bed.lane import Lane, a_lane, always
from benchmarks.bed.running import environment
from benchmarks.bed.tell import Row, at_most, middle, ratios

_READS = (("list", "-o", "jsonl"), ("status", "-o", "json"), ("failures", "-o", "json"))
_BEAT_EVERY = 200


def measure(bench: Bench) -> list[Row]:
    items = bench.of(40_000, 1000)
    rows = []
    for name in ("SQLite", "PostgreSQL"):
        first, last = [], []
        for _ in range(min(bench.rounds, 5)):
            times = _drain(bench, name, items)
            tenth = len(times) // 10
            first.append(median(times[:tenth]))
            last.append(median(times[-tenth:]))
        rows.append(
            at_most(
                f"claim on {name} in the last tenth of a drain of {items:,},"
                " while list, status and failures run in a loop",
                middle(last, "ms", 1000),
                f"the first tenth: {middle(first, 'ms', 1000)}",
                ratios(last, first),
                1.3,
            )
        )
    return rows


def _drain(bench: Bench, name: str, items: int) -> list[float]:
    folder = bench.folder()
    if name == "SQLite":
        url = f"sqlite:///{folder / 'offpeakd.db'}"
    else:
        url = bench.server.url(bench.server.new())
    grow(url, queued=items)
    configure(folder, url, "http://127.0.0.1:9")
    with a_lane(url, always()) as lane, _readers(folder):
        return _claims(lane, items // 10)


def _claims(lane: Lane, number: int) -> list[float]:
    times = []
    for place in range(number):
        if place % _BEAT_EVERY == 0:
            lane.beat()
        began = time.perf_counter()
        batch = lane.claim()
        times.append(time.perf_counter() - began)
        lane.record(batch)
    return times


@contextmanager
def _readers(folder: Path) -> Iterator[None]:
    """One reader after another, until the end."""
    ending = threading.Event()
    failed: list[str] = []

    def read() -> None:
        while not ending.is_set():
            for words in _READS:
                done = subprocess.run(
                    run_command(folder, *words),
                    env=environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
                if done.returncode not in {0, 3}:
                    failed.append(done.stderr)
                    return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        ending.set()
        reader.join()
    if failed:
        raise RuntimeError(failed[0])
