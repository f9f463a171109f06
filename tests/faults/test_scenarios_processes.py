"""Scenarios of docs/development/faults.md, by number: real daemons that die, and old files."""

import contextlib
import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crash.victims import needs_strace
from fakes.installation import Installation, patiently
from fakes.postgres import fresh_database
from offpeakd import app
from offpeakd.adapters.sql.schema import check
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

HASTY = "reconcile: {fence: 2s, every: 200ms, looks: 3}"
FOREVER = timedelta(minutes=5)


@contextmanager
def a_site(
    folder: Path, *rules: Rule, instances: int = 12, more: str = HASTY, database: str | None = None
) -> Iterator[Installation]:
    """An installation with little patience, before a cloud that starts what is asked for twice."""
    settings = EmulatorSettings(
        instances=instances,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
        permissive=True,
        faults=Faults(rules),
    )
    with (
        Emulator(settings, app.system_clock()) as cloud,
        Installation(folder, cloud, more=more, database=database) as site,
    ):
        yield site


def killed_in_its_first_call(site: Installation) -> None:
    """A daemon that dies while it waits for an answer."""
    daemon = site.start(counted=False)
    assert site.cloud.wait_until(lambda world: len(world.calls) == 1)
    daemon.kill()
    daemon.wait(10)


def ends_as_the_cloud_says(site: Installation) -> None:
    """Nothing twice, nothing lost, every request final."""
    world = site.cloud.world
    requests = site.requests()
    assert set(world.starts.values()) == {1}
    assert {one.instance_id: one.job_id for one in requests} == {
        job.instance_id: job.id for job in world.jobs
    }
    assert {one.state for one in requests} == {State.SUCCEEDED}
    assert check(site.url) == ()


def test_scenario_01_killed_before_the_cloud_heard_of_it_a_call_is_made_again_once(
    tmp_path: Path,
) -> None:
    with a_site(tmp_path, Rule(do="swallow-before", nth=1), instances=5) as site:
        site.add(5)
        killed_in_its_first_call(site)

        assert site.start("--until-idle").wait(60) == 0
        ends_as_the_cloud_says(site)
        assert {one.resends for one in site.requests()} == {1}
        assert site.calls() == [5, 5]
        assert len([call for call in site.cloud.world.calls if call.started]) == 1


def test_scenario_02_killed_while_the_cloud_works_a_call_is_adopted(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="do-then-delay", nth=1, wait=FOREVER), instances=5) as site:
        site.add(5)
        killed_in_its_first_call(site)

        assert site.start("--until-idle").wait(60) == 0
        ends_as_the_cloud_says(site)
        assert {one.resends for one in site.requests()} == {0}
        assert site.calls() == [5]


def test_scenario_34_a_fail_over_that_lost_what_was_committed_last_starts_nothing_again(
    tmp_path: Path,
) -> None:
    """The server that takes over knows the requests, and nothing of what became of them."""
    with (
        fresh_database() as lost,
        fresh_database() as standby,
        closing(SqlStore(standby, "test")) as behind,
        a_site(tmp_path, database=lost) as site,
    ):
        site.add(12)
        behind.add([replace(one, id=0) for one in site.requests()], "test")
        assert site.start("--until-idle").wait(60) == 0
        before = site.calls()

        site.store, site.database = behind, standby
        site.configure(site.windows)
        assert site.start("--until-idle").wait(60) == 0

        assert site.calls() == before
        ends_as_the_cloud_says(site)


def test_scenario_35_a_restored_old_backup_starts_nothing_again(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        site.add(12)
        backup = tmp_path / "backup.db"
        with (
            closing(sqlite3.connect(site.file)) as source,
            closing(sqlite3.connect(backup)) as copy,
        ):
            source.backup(copy)
        assert site.start("--until-idle").wait(60) == 0
        before = site.calls()
        site.store.close()

        shutil.copy(backup, site.file)
        assert {one.state for one in site.requests()} == {State.QUEUED}
        assert site.start("--until-idle").wait(60) == 0

        assert site.calls() == before
        ends_as_the_cloud_says(site)


def test_scenario_35_what_an_old_backup_calls_under_way_is_looked_up(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="do-then-delay", nth=1, wait=timedelta(seconds=1))) as site:
        site.add(12)
        daemon = site.start(counted=False)
        assert patiently(lambda: len(site.requests(State.SUBMITTING)) == 10)
        backup = tmp_path / "backup.db"
        with (
            closing(sqlite3.connect(site.file)) as source,
            closing(sqlite3.connect(backup)) as copy,
        ):
            source.backup(copy)
        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 12)
        daemon.kill()
        daemon.wait(10)
        before = site.calls()
        site.store.close()

        shutil.copy(backup, site.file)
        assert site.start("--until-idle").wait(60) == 0

        assert site.calls() == before
        ends_as_the_cloud_says(site)


@needs_strace
@pytest.mark.parametrize("sync", [1, 4, 5])
def test_scenario_37_a_disk_that_fails_to_sync_ends_the_daemon_and_loses_nothing(
    tmp_path: Path, sync: int
) -> None:
    """The count is each thread's own: all of them work, and the first to get there fails.

    Journal, file, and the journal once more, where its empty header is the commit.
    """
    fails = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync"]
    fails += ["-e", f"inject=fdatasync:error=EIO:when={sync}"]
    with a_site(tmp_path, instances=5) as site:
        site.add(5)
        daemon = site.start(under=fails, counted=False)

        assert daemon.wait(60) == 6, site.log()
        assert check(site.url) == ()
        assert site.start("--until-idle").wait(60) == 0
        ends_as_the_cloud_says(site)


def test_scenario_40_a_daemon_that_stands_still_does_not_feed_the_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with a_site(tmp_path) as site:
            daemon = site.start(counted=False)
            while manager.recv(4096) != b"WATCHDOG=1":
                pass

            daemon.send_signal(signal.SIGSTOP)
            status = Path(f"/proc/{daemon.pid}/status")
            assert patiently(lambda: "State:\tT" in status.read_text())
            manager.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                while manager.recv(4096):
                    pass
            manager.settimeout(4)
            with pytest.raises(TimeoutError):
                manager.recv(4096)

            daemon.send_signal(signal.SIGCONT)
            manager.settimeout(30)
            while manager.recv(4096) != b"WATCHDOG=1":
                pass
