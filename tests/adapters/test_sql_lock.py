"""One daemon at a time on a SQLite file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from offpeakd.adapters.sql.lock import DatabaseLock
from offpeakd.core.errors import DaemonRunningError, DatabaseError

_HOLD = """
import sys
from offpeakd.adapters.sql.lock import DatabaseLock
with DatabaseLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_daemon_is_told_who_holds_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with DatabaseLock(url), pytest.raises(DaemonRunningError, match=str(os.getpid())) as told:
        DatabaseLock(url).acquire()
    assert told.value.exit_code == 7


def test_the_lock_can_be_given_back_and_taken_again(tmp_path: Path) -> None:
    lock = DatabaseLock(f"sqlite:///{tmp_path}/x.db")
    for _ in range(2):
        lock.acquire()
        lock.acquire()
        lock.release()
        lock.release()
    assert (tmp_path / "x.db.lock").stat().st_mode & 0o777 == 0o600


def test_another_name_of_the_file_meets_the_same_lock(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "x.db")
    with DatabaseLock(f"sqlite:///{tmp_path}/x.db"), pytest.raises(DaemonRunningError):
        DatabaseLock(f"sqlite:///{tmp_path}/link.db").acquire()


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"held\n"
        with pytest.raises(DaemonRunningError, match=str(daemon.pid)):
            DatabaseLock(url).acquire()
        daemon.kill()
        daemon.wait()
    with DatabaseLock(url):
        assert (tmp_path / "x.db.lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_file_that_cant_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "x.db.lock").mkdir()
    with pytest.raises(DatabaseError, match=r"x\.db\.lock can't be used"):
        DatabaseLock(f"sqlite:///{tmp_path}/x.db").acquire()


def test_postgresql_is_shared_and_needs_no_lock_file() -> None:
    url = "postgresql://nobody@nowhere.invalid/x"
    with DatabaseLock(url) as lock, DatabaseLock(url):
        assert lock.path is None
