"""The daemon as a real process whose disk fills, locks, fails or is exchanged under it."""

import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import ALWAYS, Installation, patiently
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

IS_ROOT = os.geteuid() == 0
NEEDS_ROOT = pytest.mark.skipif(not IS_ROOT, reason="mounting a file system needs root")
# A short fence: an upgrade that nobody here asked for could be a forgotten call, which is waited for.
BEATS_OFTEN = "lease: {ttl: 4s}\nreconcile: {fence: 1s}"


@contextmanager
def a_site(folder: Path, *rules: Rule, database: Path | None = None) -> Iterator[Installation]:
    settings = EmulatorSettings(
        instances=12,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
        faults=Faults(rules, seed=1),
    )
    url = None if database is None else f"sqlite:///{database}"
    with (
        Emulator(settings, app.system_clock()) as cloud,
        Installation(folder, cloud, ALWAYS, BEATS_OFTEN, database=url) as site,
    ):
        yield site


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own; skips where this machine does not allow one."""
    folder.mkdir(mode=0o700)
    made = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"can't mount here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def lines(site: Installation, event: str) -> int:
    return site.log().count(f'"{event}"')


@NEEDS_ROOT
def test_an_answer_that_finds_the_disk_full_is_kept_until_there_is_space(tmp_path: Path) -> None:
    slow = Rule(do="delay", wait=timedelta(seconds=1.5), nth=1)
    with ExitStack() as stack:
        disk = stack.enter_context(
            mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs")
        )
        site = stack.enter_context(a_site(tmp_path, slow, database=disk / "offpeakd.db"))
        site.add(12)
        site.start()
        assert patiently(lambda: len(site.requests(State.SUBMITTING)) == 10)
        _take_the_journal_away(disk / "offpeakd.db")
        _fill(disk / "ballast")

        assert site.has_logged('"answer_not_stored"')
        assert site.has_logged('"storage_fault"')
        jobs = [job.id for job in site.cloud.world.jobs]
        assert all(job in site.log() for job in jobs)
        assert patiently(lambda: lines(site, "storage_fault") == 1)
        assert site.calls() == [10]

        (disk / "ballast").unlink()
        assert site.has_logged('"storage_sound"')
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 12)
        assert site.calls() == [10, 2]
        assert max(site.cloud.world.starts.values()) == 1


def _take_the_journal_away(file: Path) -> None:
    """As a program in SQLite's ordinary mode does; the journal that stays would have room enough."""
    with closing(sqlite3.connect(file, timeout=5)) as other:
        other.execute("UPDATE lease SET pid = pid + 1")
        other.commit()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


@NEEDS_ROOT
def test_a_file_system_that_turns_read_only_holds_everything_until_it_is_mended(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    with ExitStack() as stack:
        stack.enter_context(mounted(disk, "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"))
        site = stack.enter_context(a_site(tmp_path, database=disk / "offpeakd.db"))
        site.start()
        assert site.has_logged('"started"')
        with _read_only_over(disk):
            assert site.has_logged('"storage_fault"')
            assert patiently(lambda: "failing or read-only" in site.log())

        assert site.has_logged('"storage_sound"')
        site.add(2)
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 2)


@contextmanager
def _read_only_over(disk: Path) -> Iterator[None]:
    """Files that are open stay writable; nothing more can be opened for writing."""
    subprocess.run(["mount", "-o", "bind,ro", str(disk), str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_database_that_another_program_keeps_locked_holds_everything_and_is_said_once(
    tmp_path: Path,
) -> None:
    with a_site(tmp_path) as site, _listener(tmp_path / "notify") as manager:
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            site.start()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        assert site.has_logged('"started"')
        site.add(1)
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 1)
        second = sorted(site.cloud.world.instances)[1]
        site.cloud.put(replace(site.cloud.world.instances[second], fail_reason="a node broke"))
        with closing(sqlite3.connect(site.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert site.has_logged('"storage_fault"')
            assert "is locked by another program" in site.log()
            assert _heard(manager, "STATUS=storage fault, nothing is released")
            site.cloud.upgrade_elsewhere(second)
            other.execute("ROLLBACK")

        assert site.has_logged('"storage_sound"')
        site.add(3)
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 3)
        assert lines(site, "storage_fault") == lines(site, "storage_sound") == 1
        # Whoever met the fault: no lane trusts the list of jobs that it had read before.
        assert [one.instance_id for one in site.requests(State.FAILED)] == [second]
        assert site.cloud.starts(second) == 1


@contextmanager
def _listener(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(20)
        yield listening


def _heard(manager: socket.socket, text: str) -> bool:
    return any(text in manager.recv(4096).decode() for _ in range(200))


def test_a_file_replaced_by_an_older_copy_ends_the_daemon_which_then_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    with a_site(tmp_path) as site:
        site.add(3)
        older = tmp_path / "older.db"
        shutil.copy(site.file, older)
        daemon = site.start()
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 3)
        older.replace(site.file)

        assert daemon.wait(30) == 6
        assert "was replaced by another one while it was in use" in site.log()
        assert lines(site, "storage_fault") == 0
        again = site.start("--until-idle")
        assert again.wait(60) == 0
        assert max(site.cloud.world.starts.values()) == 1


def test_a_file_that_turns_to_garbage_ends_the_daemon(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        size = site.file.stat().st_size
        with site.file.open("r+b") as file:
            file.write(b"\xff" * size)

        assert daemon.wait(30) == 6
        assert "SQLITE_NOTADB" in site.log() or "SQLITE_CORRUPT" in site.log()


def test_a_foreign_file_is_refused_at_the_start_and_left_as_it_is(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        site.store.close()
        garbage = b"no database at all, but a page long\n" * 200
        site.file.write_bytes(garbage)

        assert site.start().wait(30) == 6
        assert site.file.read_bytes() == garbage
        assert "is not a SQLite database" in site.log()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_failed_sync_ends_the_daemon_and_the_rows_are_sound(tmp_path: Path) -> None:
    inject = [
        *("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"),
        *("-e", "inject=fsync,fdatasync:error=EIO:when=40+"),
    ]
    with a_site(tmp_path) as site:
        daemon = site.start(under=inject)
        if daemon.poll() is not None:  # pragma: no cover - only where tracing is forbidden
            pytest.skip("tracing a process is not allowed here")

        assert daemon.wait(60) == 6
        assert "SQLITE_IOERR_FSYNC" in site.log() or "SQLITE_IOERR_DIR_FSYNC" in site.log()
        with closing(sqlite3.connect(site.file)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        site.add(2)
        assert site.start("--until-idle").wait(60) == 0
        assert len(site.requests(State.SUCCEEDED)) == 2
