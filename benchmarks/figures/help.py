"""`--help`, beside an empty Click program with as many commands; and what it imports."""

import subprocess
import sys
import time

from benchmarks.bed.bench import Bench
from benchmarks.bed.running import TOP, environment
from benchmarks.bed.tell import Row, at_most, middle, ratios
from offpeakd.cli.main import ENTRIES

HEAVY = ("httpx", "sqlalchemy", "pydantic", "rich")
_MODULES = """
import sys
from offpeakd.cli.main import main
main(["--help"])
print("modules", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
print("number", len(sys.modules), file=sys.stderr)
"""


def measure(bench: Bench) -> list[Row]:
    ours = ("-m", "offpeakd", "--help")
    theirs = ("-m", "benchmarks.loops.click_program", str(len(ENTRIES)), "--help")
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(3 * bench.rounds):
        for words, taken in zip((ours, theirs), times, strict=True):
            began = time.perf_counter()
            _run(*words)
            taken.append(time.perf_counter() - began)
    said = _run("-c", _MODULES).splitlines()
    modules, number = (
        next(line for line in said if line.startswith(name)) for name in ("modules", "number")
    )
    loaded = [name for name in HEAVY if name in modules.split()]
    return [
        at_most(
            "`--help`",
            middle(times[0], "ms", 1000),
            f"an empty Click program with {len(ENTRIES)} commands: {middle(times[1], 'ms', 1000)}",
            ratios(*times),
            1.5,
        ),
        Row(
            "modules that `--help` loads",
            number.split()[1],
            "-",
            "-",
            f"none of {', '.join(HEAVY)}",
            not loaded,
        ),
    ]


def _run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=TOP,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr
