"""The real process is told to stop while it looks, sends and writes."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from fakes.installation import Installation, patiently
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

SECOND = timedelta(seconds=1)


@contextmanager
def a_site(folder: Path, *rules: Rule) -> Iterator[Installation]:
    settings = EmulatorSettings(
        instances=12,
        mix=ORDINARY,
        job_duration=timedelta(minutes=10),
        job_visible_after=timedelta(0),
        faults=Faults(rules, seed=1),
    )
    with Emulator(settings, app.system_clock()) as cloud, Installation(folder, cloud) as site:
        yield site


def test_a_stop_during_the_look_sends_nothing(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="delay", call="instances", wait=3 * SECOND)) as site:
        site.add(12)
        daemon = site.start()
        assert site.has_logged('"started"')
        daemon.send_signal(signal.SIGTERM)

        assert daemon.wait(30) == 0
        assert site.calls() == []
        assert len(site.requests(State.QUEUED)) == 12
        assert site.store.daemons() == ()


def test_a_stop_while_the_answer_is_written_down_waits_for_the_lock(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="delay", wait=2 * SECOND)) as site:
        site.add(12)
        daemon = site.start()
        assert patiently(lambda: len(site.requests(State.SUBMITTING)) == 10)
        with closing(sqlite3.connect(site.file, isolation_level=None, timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert patiently(lambda: len(site.cloud.world.jobs) == 10)
            daemon.send_signal(signal.SIGTERM)
            assert site.has_logged('"stopping"')
            other.execute("ROLLBACK")

        assert daemon.wait(30) == 0
        started = {job.id for job in site.cloud.world.jobs}
        assert {one.job_id for one in site.requests(State.RUNNING)} == started
        assert len(site.requests(State.QUEUED)) == 2
        assert site.calls() == [10]
