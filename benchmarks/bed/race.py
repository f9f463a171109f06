"""Sides that drain the same queue against the same cloud, one after another, round after round."""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bed.running import Stub, program

_PATIENCE = 20.0
_LOOK = 0.02


@dataclass(frozen=True)
class Side:
    """One way of draining a queue.

    Attributes:
        name: of it.
        prepare: fills its queue in a folder.
        command: that drains it, given the folder; it is ended from outside.
        recorded: how many outcomes stand in its database.
        tidy: takes away what lies outside of the folder.
    """

    name: str
    prepare: Callable[[Path], None]
    command: Callable[[Path], Sequence[str]]
    recorded: Callable[[Path], int]
    more: Mapping[str, str] = field(default_factory=dict)
    tidy: Callable[[Path], None] = lambda _: None


@dataclass(frozen=True)
class Lap:
    """One drain.

    Attributes:
        rate: instances a second, from the first call of any kind to the last answer.
        processor: seconds of all its programs for 1,000 instances, over the same span.
        start: seconds from its start to its first upgrade.
        steady: instances a second, from the first upgrade to the last answer.
    """

    rate: float
    processor: float
    start: float
    steady: float


def race(
    sides: Sequence[Side], items: int, rounds: int, stub: Stub, latency: float = 0.0
) -> dict[str, list[Lap]]:
    """Each side drains `items` once a round; the order changes with every round."""
    laps: dict[str, list[Lap]] = {side.name: [] for side in sides}
    order = list(sides)
    shuffled = random.Random(1)
    for _ in range(rounds):
        shuffled.shuffle(order)
        for side in order:
            laps[side.name].append(_lap(side, items, stub, latency))
    return laps


def _lap(side: Side, items: int, stub: Stub, latency: float) -> Lap:
    folder = Path(tempfile.mkdtemp(prefix="offpeakd-bench-"))
    try:
        side.prepare(folder)
        stub.reset(latency)
        began = time.perf_counter()
        with program(side.command(folder), folder, side.more) as running:
            try:
                stub.wait_for("calls", 1)
                before = running.processor_seconds()
                stub.wait_for("items", items)
                spent = running.processor_seconds() - before
                _check(side, folder, items)
            except Exception as error:
                said = (folder / "said").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{side.name}: {error}\n{said}") from error
            seen = stub.stats()
        if seen["twice"]:
            raise RuntimeError(f"{side.name} sent {seen['twice']} instances twice")
        last, upgrading = seen["last"], seen["first_upgrade"]
        return Lap(
            items / (last - seen["first"]),
            spent * 1000 / items,
            upgrading - began,
            items / (last - upgrading),
        )
    finally:
        side.tidy(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _check(side: Side, folder: Path, items: int) -> None:
    """Every outcome has to be there: the last one comes shortly after the last answer."""
    until = time.perf_counter() + _PATIENCE
    while (found := side.recorded(folder)) != items:
        if time.perf_counter() > until:
            raise RuntimeError(f"recorded {found} outcomes of {items}")
        _pause()


def _pause() -> None:
    import threading

    threading.Event().wait(_LOOK)
