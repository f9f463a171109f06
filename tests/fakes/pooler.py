"""A real pooler before a database: PgBouncer in transaction mode."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fakes.installation import patiently

NEEDS_POOLER = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("pgbouncer") is None,
    reason="needs root and PgBouncer (apt-get install pgbouncer)",
)


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """The address of a pooler before the database at `url`."""
    with ExitStack() as stack:
        name, _, folder = url.removeprefix("postgresql+psycopg://postgres@/").partition("?host=")
        home = Path(tempfile.mkdtemp(prefix="offpeakd-pooler-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        config = home / "pooler.ini"
        config.write_text(
            f"[databases]\n{name} = host={folder} user=postgres\n[pgbouncer]\n"
            f"auth_type = any\nunix_socket_dir = {home}\nlisten_addr =\nlisten_port = 6432\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n"
            f"ignore_startup_parameters = extra_float_digits\nlogfile = {home}/log\n"
        )
        os.chown(home, 65534, 65534)
        pooler = subprocess.Popen(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pgbouncer", config]
        )
        stack.callback(pooler.wait, 10)
        stack.callback(pooler.kill)
        assert patiently((home / ".s.PGSQL.6432").exists), (home / "log").read_text()
        yield f"postgresql+psycopg://postgres@/{name}?host={home}&port=6432"
