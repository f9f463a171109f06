"""A release that dies at its n-th write to the disk, for every n there is."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from fakes.installation import patiently
from fakes.real_lane import a_lane
from offpeakd import app
from offpeakd.adapters.sql.schema import check, ensure
from offpeakd.core.model import Policy, State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings

TESTS = Path(__file__).parent.parent
NO_STRACE = "strace is not installed: Debian's package strace has it"
HASTY = Policy(
    fence=timedelta(milliseconds=500),
    reconcile_every=timedelta(milliseconds=50),
    looks=2,
)
TURNS = 2
"""The counts are dealt out to so many tests, which may run side by side."""


def settings() -> EmulatorSettings:
    return EmulatorSettings(
        instances=3,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=50),
        job_visible_after=timedelta(0),
        permissive=True,
    )


class Releases:
    """Makes releases in processes that can be made to die at a chosen write."""

    def __init__(self, folder: Path) -> None:
        """Start the program that makes them.

        Args:
            folder: for what it logs.
        """
        program = str(TESTS / "crash" / "one_release.py")
        environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                env=environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def killed_at(self, sync: int, url: str, endpoint: str) -> bool:
        """One release, killed as it is about to make its n-th write durable; False if it has fewer."""
        pid = self._tell(f"{url} {endpoint}")
        strace = ["strace", "-f", "-p", pid, "-o", "/dev/null", "-e", "trace=fdatasync"]
        kill = ["-e", f"inject=fdatasync:signal=KILL:when={sync}"]
        with subprocess.Popen([*strace, *kill], stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert attached.strip().endswith("attached"), attached
            ended = int(self._tell("go"))
            tracer.communicate(timeout=10)
        assert ended in {0, -signal.SIGKILL}, self._log.read_text()
        return ended != 0

    def _tell(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        return self._process.stdout.readline().strip()


@pytest.mark.skipif(shutil.which("strace") is None, reason=NO_STRACE)
@pytest.mark.parametrize("turn", range(TURNS))
def test_killed_at_any_sync_a_release_ends_as_the_cloud_says(tmp_path: Path, turn: int) -> None:
    deaths = 0
    ensure(f"sqlite:///{tmp_path}/empty.db")
    with Releases(tmp_path) as releases:
        for sync in count(1 + turn, TURNS):
            url = f"sqlite:///{shutil.copy(tmp_path / 'empty.db', tmp_path / f'{sync}.db')}"
            with Emulator(settings(), app.system_clock()) as cloud:
                with a_lane(url, cloud.settings, cloud.url, HASTY) as lane:
                    lane.ask(*cloud.world.instances)
                killed = releases.killed_at(sync, url, cloud.url)
                assert check(url) == ()
                ends_as_the_cloud_says(url, cloud, sync)
            if not killed:
                break
            deaths += 1
    # Fewer would mean that the count does not reach the writes at all: a claim and an outcome
    # are two transactions, and each takes several syncs.
    assert deaths * TURNS >= 10


def ends_as_the_cloud_says(url: str, cloud: Emulator, sync: int) -> None:
    """What the next run makes of it."""
    with a_lane(url, cloud.settings, cloud.url, HASTY) as lane:
        lane.recover.run_once()
        assert patiently(lane.work, 15), f"killed at sync {sync}: {lane.requests()}"
        requests = lane.requests()
    jobs = {job.instance_id: job.id for job in cloud.world.jobs}
    assert set(cloud.world.starts.values()) == {1}, f"killed at sync {sync}"
    assert {one: request.job_id for one, request in requests.items()} == jobs
    assert {request.state for request in requests.values()} == {State.SUCCEEDED}
    assert check(url) == ()
