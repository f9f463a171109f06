"""A configuration that changes while a target is being released: real processes, real SIGHUP."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation, patiently
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule


@pytest.fixture
def slow() -> EmulatorSettings:
    """Each call takes so long that a reload falls into it."""
    return EmulatorSettings(
        instances=40,
        mix=ORDINARY,
        job_duration=timedelta(minutes=5),
        job_visible_after=timedelta(0),
        faults=Faults((Rule(do="delay", wait=timedelta(milliseconds=700)),), seed=1),
    )


def reload_within_a_pass(site: Installation, old: str, new: str) -> int:
    """Change the configuration while calls are made; returns how many had been made then."""
    site.add(40)
    daemon = site.start()
    assert patiently(lambda: len(site.calls()) >= 1)
    site.config.write_text(site.config.read_text().replace(old, new))
    daemon.send_signal(signal.SIGHUP)
    assert site.has_logged('"reloaded"')
    return len(site.calls())


def test_a_target_that_a_reload_takes_away_is_left_alone_and_the_daemon_goes_on(
    slow: EmulatorSettings, tmp_path: Path
) -> None:
    with Emulator(slow, app.system_clock()) as cloud, Installation(tmp_path, cloud) as site:
        made = reload_within_a_pass(site, "prod:", "other:")
        assert patiently(lambda: site.store.daemons()[0].targets == ("other",))
        assert patiently(lambda: not site.requests(State.SUBMITTING))

        # The one call that was under way at most.
        assert len(site.calls()) <= made + 1
        assert len(site.requests(State.RUNNING)) == sum(site.calls())
        assert len(site.requests(State.QUEUED)) == 40 - sum(site.calls())
        assert '"defect"' not in site.log()


def test_a_target_whose_address_changes_is_released_at_the_new_one_only(
    slow: EmulatorSettings, tmp_path: Path
) -> None:
    with (
        Emulator(slow, app.system_clock()) as cloud,
        Emulator(slow, app.system_clock()) as moved,
        Installation(tmp_path, cloud) as site,
    ):
        made = reload_within_a_pass(site, cloud.url, moved.url)
        assert patiently(lambda: len(site.requests(State.RUNNING)) == 40)

        assert len(site.calls()) <= made + 1
        assert sum(site.calls()) + sum(len(one.started) for one in moved.world.calls) == 40
