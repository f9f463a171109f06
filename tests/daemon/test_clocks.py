"""The daemon as a real process whose clock disagrees with the cloud's, or was set back."""

import json
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation, patiently
from fakes.shifted_clock import ShiftedClock
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


def said(site: Installation, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints."""
    main(["--config", str(site.config), *arguments], Invocation({}, site.folder))
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(timedelta(minutes=-2), "ahead of the cloud's"), (timedelta(minutes=2), "behind the cloud's")],
    ids=["our clock is ahead", "our clock is behind"],
)
def test_a_clock_two_minutes_off_holds_everything_and_everybody_is_told(
    tmp_path: Path, ahead: timedelta, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator(FAST_JOBS, ShiftedClock(ahead)) as cloud, Installation(tmp_path, cloud) as site:
        (request, *_) = site.add(12)
        daemon = site.start()
        assert site.has_logged('"held"')
        assert patiently(lambda: bool(site.store.daemons()[0].holds))
        assert patiently(lambda: bool(site.store.daemons()[0].passes))

        status = json.loads(said(site, capsys, "status", "-o", "json"))["daemons"][0]
        assert words in status["holds"]["prod"]
        assert abs(status["clock_offset_seconds"] + ahead.total_seconds()) < 5
        assert status["passes"]["prod"]
        assert "releases nothing in prod: clock-skew" in said(site, capsys, "status")
        why = said(site, capsys, "why", str(request.id))
        assert words in why
        assert " no  clock and database are sound" in why
        listed = json.loads(said(site, capsys, "list", "-o", "json"))
        assert {one["verdict"] for one in listed} == {"clock-skew"}

        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert site.calls() == []


def test_a_clock_beyond_signing_is_told_by_the_refusal_itself(tmp_path: Path) -> None:
    clock = ShiftedClock(timedelta(minutes=20))
    with Emulator(FAST_JOBS, clock) as cloud, Installation(tmp_path, cloud) as site:
        site.add(2)
        site.start()

        assert site.has_logged("refuses every signature")
        assert site.calls() == []


def test_a_time_seen_that_lies_ahead_is_outweighed_by_the_clouds(tmp_path: Path) -> None:
    with Emulator(FAST_JOBS, app.system_clock()) as cloud, Installation(tmp_path, cloud) as site:
        site.add(2)
        site.store.high_water(app.system_clock().now() + timedelta(hours=2))

        assert site.start("--until-idle").wait(60) == 0
        assert '"clock_set_back"' in site.log()
        assert len(site.requests(State.SUCCEEDED)) == 2
