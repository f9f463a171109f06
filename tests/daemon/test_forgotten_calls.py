"""The daemon as a real process on a copy of its database from before its calls."""

import json
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation, patiently
from offpeakd import app
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings

FAST_JOBS = EmulatorSettings(
    instances=12,
    mix=ORDINARY,
    job_duration=timedelta(milliseconds=300),
    job_visible_after=timedelta(0),
)


def test_a_restored_copy_is_waited_for_and_everybody_is_told_until_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        main(["--config", str(site.config), *arguments], Invocation({}, site.folder))
        return capsys.readouterr().out

    with Emulator(FAST_JOBS, app.system_clock()) as cloud, Installation(tmp_path, cloud) as site:
        site.add(10)
        old = tmp_path / "old.db"
        with (
            closing(sqlite3.connect(site.file)) as source,
            closing(sqlite3.connect(old)) as copy,
        ):
            source.backup(copy)
        assert site.start("--until-idle").wait(60) == 0
        site.store.close()
        shutil.copy(old, site.file)
        (*_, last) = site.add(12)

        began = app.system_clock().now()
        daemon = site.start()
        assert site.has_logged('"held"')
        assert patiently(lambda: bool(site.store.daemons()[0].holds))

        status = json.loads(said("status", "-o", "json"))["daemons"][0]
        assert status["holds"]["prod"].startswith("calls-forgotten until ")
        screen = said("status")
        assert f"pid {daemon.pid}" in screen
        assert "releases nothing in prod until " in screen
        assert "calls-forgotten: the cloud has upgrades that this database does not" in screen
        record = json.loads(said("why", str(last.id), "-o", "json"))
        assert (record["verdict"], record["kind"]) == ("calls-forgotten", "wait")
        waits = datetime.fromisoformat(record["until"]) - began
        assert timedelta(minutes=2) <= waits <= timedelta(minutes=3)
        assert record["next_possible"] == record["until"]
        words = said("why", str(last.id))
        assert " no  clock and database are sound: the cloud has upgrades" in words
        assert "unless the wrong copy was put back; goes on " in words
        listed = json.loads(said("list", "-o", "json"))
        queued = [one["verdict"] for one in listed if one["state"] == "queued"]
        assert queued == ["calls-forgotten"] * 2

        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert site.calls() == [10]
        assert len(site.requests(State.SUCCEEDED, State.RUNNING)) == 10
