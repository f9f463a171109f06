"""From the start of `run` in an open window to its first upgrade call."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.bed.bench import Bench
from benchmarks.bed.race import race
from benchmarks.bed.running import environment
from benchmarks.bed.sides import offpeakd_postgresql, offpeakd_sqlite
from benchmarks.bed.tell import Ratios, Row, at_most, middle, ratios
from benchmarks.peers.sides import on_server

ITEMS = 10


def measure(bench: Bench) -> list[Row]:
    stub = bench.stub(ITEMS)
    ours = offpeakd_sqlite(ITEMS, stub, bench.folder())
    there = offpeakd_postgresql(ITEMS, stub, bench.server, bench.folder())
    peer = on_server("procrastinate worker", "procrastinate_peer", bench, stub, 10, ITEMS)
    prepared = peer.command

    def worker(folder: Path) -> list[str]:
        told = prepared(folder)[:2]
        program = [sys.executable, "-m", "procrastinate", "worker", "--concurrency", "1"]
        return [*told, "PROCRASTINATE_APP=benchmarks.peers.procrastinate_peer.app", *program]

    peer = replace(peer, command=worker)
    found: dict[str, list[float]] = {side.name: [] for side in (ours, there, peer)}
    nothing = []
    for _ in range(bench.rounds):
        nothing.append(_nothing())
        for name, laps in race([ours, there, peer], ITEMS, 1, stub).items():
            found[name].append(laps[0].start)
    return [
        _beside(found, ours.name, peer.name, ratios(found[ours.name], found[peer.name])),
        _beside(found, there.name, peer.name, ratios(found[there.name], found[peer.name])),
        at_most(
            "start of `run` to its first upgrade ÷ python -c pass",
            middle(found[ours.name], "ms", 1000),
            f"python -c pass: {middle(nothing, 'ms', 1000)}",
            ratios(found[ours.name], nothing),
            40,
        ),
    ]


def _beside(found: dict[str, list[float]], ours: str, theirs: str, ratio: Ratios) -> Row:
    return at_most(
        f"start of `run` to its first upgrade, {ours}",
        middle(found[ours], "ms", 1000),
        f"{theirs} to its first: {middle(found[theirs], 'ms', 1000)}",
        ratio,
        1.0,
    )


def _nothing() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=environment(), check=True)
    return time.perf_counter() - began
