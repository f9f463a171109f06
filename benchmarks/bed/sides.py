"""offpeakd and the loops written by hand, as sides of a race."""

import shutil
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.bed.installation import queue_in, run_command
from benchmarks.bed.postgresql import Server
from benchmarks.bed.race import Side
from benchmarks.bed.running import Stub
from benchmarks.bed.stub import instance_id, project_id
from benchmarks.loops import psycopg_loop, sqlite_loop

RECORDED = "SELECT count(*) FROM request WHERE state = 'running' AND job_id IS NOT NULL"
_LOOPS = Path(__file__).resolve().parents[1] / "loops"


def ids(number: int, place: int = 0) -> list[str]:
    return [instance_id(project_id(place), one) for one in range(number)]


def counted(query: str, file: str, folder: Path) -> int:
    with closing(sqlite3.connect(folder / file, timeout=30)) as connection:
        [(found,)] = connection.execute(query).fetchall()
    return int(found)


def counted_there(query: str, conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def offpeakd_sqlite(items: int, stub: Stub, made: Path, targets: int = 1) -> Side:
    """The queue is made once, in `made`, and copied for each lap."""
    if not (made / "offpeakd.db").exists():
        queue_in(made, f"sqlite:///{made / 'offpeakd.db'}", stub.url, items, targets)

    def prepare(folder: Path) -> None:
        for name in ("offpeakd.db", "key.ak", "key.sk"):
            shutil.copy2(made / name, folder)
        config = (made / "offpeakd.yaml").read_text()
        (folder / "offpeakd.yaml").write_text(config.replace(str(made), str(folder)))

    recorded = partial(counted, RECORDED, "offpeakd.db")
    return Side("offpeakd on SQLite", prepare, partial(_daemon), recorded)


def _daemon(folder: Path) -> list[str]:
    return run_command(folder, "run")


class Databases:
    """Copies of a PostgreSQL database, one a lap."""

    def __init__(self, server: Server, template: str) -> None:
        self._server = server
        self._template = template
        self._by_folder: dict[Path, str] = {}

    def new(self, folder: Path) -> str:
        self._by_folder[folder] = self._server.new(self._template)
        return self._by_folder[folder]

    def conninfo(self, folder: Path) -> str:
        return self._server.conninfo(self._by_folder[folder])

    def drop(self, folder: Path) -> None:
        if folder in self._by_folder:
            self._server.drop(self._by_folder.pop(folder))


def offpeakd_postgresql(
    items: int, stub: Stub, server: Server, made: Path, targets: int = 1
) -> Side:
    template = server.new()
    queue_in(made, server.url(template), stub.url, items, targets)
    databases = Databases(server, template)

    def prepare(folder: Path) -> None:
        for name in ("key.ak", "key.sk"):
            shutil.copy2(made / name, folder)
        config = (made / "offpeakd.yaml").read_text()
        own = config.replace(f"/{template}?", f"/{databases.new(folder)}?")
        (folder / "offpeakd.yaml").write_text(own)

    def recorded(folder: Path) -> int:
        return counted_there(RECORDED, databases.conninfo(folder))

    return Side("offpeakd on PostgreSQL", prepare, _daemon, recorded, tidy=databases.drop)


def sqlite_by_hand(items: int, stub: Stub, journal: str = "") -> Side:
    """Its journal is offpeakd's unless told."""
    return Side(
        "sqlite3 + httpx by hand" + (f", journal {journal}" if journal else ""),
        lambda folder: sqlite_loop.make(folder / "queue.db", ids(items)),
        lambda folder: [
            *(sys.executable, "-m", "benchmarks.loops.sqlite_loop"),
            *(str(folder / "queue.db"), stub.url, project_id()),
            *([journal] if journal else []),
        ],
        partial(counted, RECORDED, "queue.db"),
    )


def postgresql_by_hand(items: int, stub: Stub, server: Server) -> Side:
    template = server.new()
    psycopg_loop.make(server.conninfo(template), ids(items))
    databases = Databases(server, template)

    def prepare(folder: Path) -> None:
        databases.new(folder)

    def command(folder: Path) -> list[str]:
        loop = (sys.executable, "-m", "benchmarks.loops.psycopg_loop")
        return [*loop, databases.conninfo(folder), stub.url, project_id()]

    def recorded(folder: Path) -> int:
        return counted_there(RECORDED, databases.conninfo(folder))

    return Side("psycopg + httpx by hand", prepare, command, recorded, tidy=databases.drop)


def bash_by_hand(items: int, stub: Stub) -> Side:
    return Side(
        "bash + sqlite3 + curl",
        lambda folder: sqlite_loop.make(folder / "queue.db", ids(items)),
        lambda folder: [
            *("bash", str(_LOOPS / "loop.sh")),
            *(str(folder / "queue.db"), stub.url, project_id()),
        ],
        partial(counted, RECORDED, "queue.db"),
    )
