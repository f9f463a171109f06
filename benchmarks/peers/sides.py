"""Peers as sides of a race: their queue is filled once, and copied for each lap."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.bed.bench import Bench
from benchmarks.bed.postgresql import Server
from benchmarks.bed.race import Side
from benchmarks.bed.running import TOP, Stub, environment
from benchmarks.bed.sides import Databases, counted, counted_there
from benchmarks.peers.outcomes import COUNT


def on_server(
    name: str, module: str, bench: Bench, stub: Stub, size: int, items: int, *, durable: bool = True
) -> Side:
    """A peer whose jobs lie in PostgreSQL."""
    server = bench.server
    template = server.new()
    more = _told(stub, size, items, durable=durable)
    _fill(module, bench.folder(), {**more, "PEER_CONNINFO": server.conninfo(template)})
    return _there(name, module, server, template, more)


def _there(name: str, module: str, server: Server, template: str, more: dict[str, str]) -> Side:
    databases = Databases(server, template)

    def prepare(folder: Path) -> None:
        databases.new(folder)

    def command(folder: Path) -> list[str]:
        conninfo = f"PEER_CONNINFO={databases.conninfo(folder)}"
        return ["env", conninfo, sys.executable, "-m", f"benchmarks.peers.{module}", "run"]

    def recorded(folder: Path) -> int:
        return counted_there(COUNT, databases.conninfo(folder))

    return Side(name, prepare, command, recorded, more, databases.drop)


def in_files(
    name: str, module: str, bench: Bench, stub: Stub, size: int, items: int, *, durable: bool = True
) -> Side:
    """A peer whose jobs lie in files."""
    made = bench.folder()
    more = _told(stub, size, items, durable=durable)
    _fill(module, made, more)
    return Side(
        name,
        lambda folder: _copy(made, folder),
        lambda _: [sys.executable, "-m", f"benchmarks.peers.{module}", "run"],
        partial(counted, COUNT, "outcomes.db"),
        more,
    )


def _told(stub: Stub, size: int, items: int, *, durable: bool) -> dict[str, str]:
    return {
        "PEER_ENDPOINT": stub.url,
        "PEER_ITEMS": str(items),
        "PEER_SIZE": str(size),
        "PEER_DURABLE": "yes" if durable else "no",
    }


def _fill(module: str, folder: Path, more: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", f"benchmarks.peers.{module}", "fill"],
        cwd=folder,
        env=environment({**more, "PYTHONPATH": str(TOP)}),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _copy(made: Path, folder: Path) -> None:
    shutil.copytree(made, folder, dirs_exist_ok=True)
