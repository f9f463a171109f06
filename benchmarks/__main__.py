"""Measures, and writes the table of docs/development/performance.md.

    python -m benchmarks [--quick] [NAME …]

Without a name everything is measured and the table is written; with names these are only shown,
unless `--write` puts them in the table, which then has no other.
"""

import argparse
import compileall
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from benchmarks.bed.bench import a_bench
from benchmarks.bed.report import print_rows, write_table
from benchmarks.bed.running import TOP

if TYPE_CHECKING:
    from benchmarks.bed.tell import Row

FIGURES = {
    "drain-sqlite": "drain_sqlite",
    "drain-postgresql": "drain_postgresql",
    "drain-slow": "drain_slow",
    "peers": "peers",
    "peers-singly": "peers_singly",
    "claim": "claim",
    "tick": "tick",
    "drift": "drift",
    "add": "add",
    "start": "start",
    "calendar": "calendar",
    "idle": "idle",
    "memory": "memory",
    "help": "help",
}


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks", description="Speed, measured.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="a short check that all of it works")
    parser.add_argument("--rounds", type=int, default=7, help="at least five for a median")
    parser.add_argument("--write", action="store_true", help="write the table of what is named")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - FIGURES.keys())
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(FIGURES)}")
    for folder in ("src", "benchmarks"):
        compileall.compile_dir(TOP / folder, quiet=1)
    rows: list[Row] = []
    with a_bench(chosen.rounds, quick=chosen.quick) as bench:
        for name in chosen.names or FIGURES:
            print(f"{name} …", file=sys.stderr, flush=True)
            found = import_module(f"benchmarks.figures.{FIGURES[name]}").measure(bench)
            print_rows(found)
            rows.extend(found)
    if chosen.write or not (chosen.names or chosen.quick):
        write_table(rows, bench.rounds)
    return int(any(row.reached is False for row in rows) and not chosen.quick)


if __name__ == "__main__":
    sys.exit(main())
