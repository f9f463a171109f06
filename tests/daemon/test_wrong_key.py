"""A key that turns wrong while everything is under way is spared, over restarts too."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

from typing_extensions import override

from fakes.installation import ALWAYS, Installation, patiently
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.refusals import RefusedError
from offpeakd.emulator.rules import Rule
from offpeakd.emulator.verify import AccessKey, Arrived, SignatureCheck

OFTEN = "reconcile: {every: 1s}\nrelease: {poll: 200ms}\nlease: {ttl: 4s}"


class CountedCheck(SignatureCheck):
    """Counts the calls that it refuses."""

    def __init__(self, key: AccessKey) -> None:
        super().__init__(key)
        self.refused = 0
        self._lock = threading.Lock()

    @override
    def check(self, call: Arrived, now: datetime) -> None:
        try:
            super().check(call, now)
        except RefusedError:
            with self._lock:
                self.refused += 1
            raise


def has_passed(site: Installation, pid: int) -> bool:
    """Whether this very run has been over its target."""
    return any(row.pid == pid and "prod" in row.passes for row in site.store.daemons())


def test_release_follow_up_and_reconcile_together_are_refused_three_times_at_the_most(
    tmp_path: Path,
) -> None:
    settings = EmulatorSettings(
        instances=40,
        mix=ORDINARY,
        job_duration=timedelta(minutes=10),
        job_visible_after=timedelta(minutes=10),
        faults=Faults(
            (
                Rule(do="do-then-500", nth=1),
                Rule(do="delay", wait=timedelta(milliseconds=300)),
            ),
            seed=1,
        ),
    )
    with (
        Emulator(settings, app.system_clock()) as cloud,
        Installation(tmp_path, cloud, ALWAYS, OFTEN) as site,
    ):
        site.add(40)
        daemon = site.start()
        assert patiently(lambda: len(site.calls()) >= 2)
        other = CountedCheck(AccessKey("ANOTHER-KEY", "another-secret-key"))
        cloud._gateway.signatures = other

        assert patiently(lambda: [one.kind for one in site.store.stops()] == ["credentials"])
        for _ in range(2):
            daemon.kill()
            daemon.wait(10)
            started = site.log().count('"started"')
            daemon = site.start()
            assert patiently(lambda: site.log().count('"started"') > started)  # noqa: B023 - asked at once
            assert patiently(lambda: has_passed(site, daemon.pid))  # noqa: B023 - asked at once

        assert 1 <= other.refused <= 3
        assert len(site.requests(State.UNKNOWN, State.RUNNING)) >= 10
        assert {one.state for one in site.requests()} <= {
            State.QUEUED,
            State.UNKNOWN,
            State.RUNNING,
        }
