"""`add` of 100,000 ids from a file, beside one `executemany` into the same table."""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bed.bench import Bench
from benchmarks.bed.installation import configure, run_command
from benchmarks.bed.running import TOP, environment
from benchmarks.bed.sides import counted, ids
from benchmarks.bed.tell import Row, at_least, middle, ratios
from offpeakd.adapters.sql.schema import ensure


def measure(bench: Bench) -> list[Row]:
    number = bench.of(100_000, 5000)
    made = bench.folder()
    empty, database = made / "empty.db", made / "offpeakd.db"
    ensure(f"sqlite:///{empty}")
    configure(made, f"sqlite:///{database}", "http://127.0.0.1:9")
    wanted = made / "ids"
    wanted.write_text("\n".join(ids(number)) + "\n")
    ours = run_command(made, "add", "--from", str(wanted), "--target", "t0", "--reason", "bench")
    theirs = [sys.executable, "-m", "benchmarks.loops.sqlite_add", str(wanted), str(database)]
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(bench.rounds):
        for command, rate in zip((ours, theirs), rates, strict=True):
            shutil.copy2(empty, database)
            rate.append(number / _seconds(command))
            found = counted("SELECT count(*) FROM request", "offpeakd.db", made)
            if found != number:
                raise RuntimeError(f"{command[2]} stored {found} of {number}")
    return [
        at_least(
            f"add {number:,} ids from a file (SQLite, synchronous EXTRA): rows a second,"
            " whole command",
            middle(rates[0], "/s"),
            f"read the file, one executemany into the same table: {middle(rates[1], '/s')}",
            ratios(*rates),
            0.3,
        )
    ]


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=TOP,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {done.stderr}")
    return time.perf_counter() - began
