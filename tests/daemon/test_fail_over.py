"""The daemon as a real process, whose PostgreSQL fails over to a replica that is behind."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.builders import a_stop
from fakes.installation import ALWAYS, Installation, patiently
from fakes.replica import Replicated
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import Mix
from offpeakd.emulator.options import EmulatorSettings

BEATS_OFTEN = "lease: {ttl: 4s}\nrelease: {poll: 200ms}"


@pytest.fixture
def replicated() -> Iterator[Replicated]:
    made = Replicated(Path(tempfile.mkdtemp(prefix="offpeakd-replica-")))
    yield made
    made.server.remove()


def test_a_call_that_the_fail_over_forgot_is_adopted_though_its_job_has_failed(
    tmp_path: Path, replicated: Replicated
) -> None:
    settings = EmulatorSettings(
        instances=12,
        mix=Mix(busy=0, frozen=0, abnormal=0, single=0, current=0, failing=1),
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
    )
    url = replicated.server.url
    with (
        Emulator(settings, app.system_clock()) as cloud,
        Installation(tmp_path, cloud, ALWAYS, BEATS_OFTEN, database=url) as site,
    ):
        site.start()
        # The first release reads the list of jobs, which is then believed.
        site.add(1)
        assert patiently(lambda: len(site.requests(State.FAILED)) == 1)
        site.store.put_stop(a_stop("pause", scope="*"))
        # The first instance once more, and eleven others.
        site.add(12)
        replicated.replicate()
        assert patiently(lambda: len(site.store.daemons()) == 1)
        site.store.lift_stop("*", frozenset({"pause"}), "test", "go on")
        assert patiently(lambda: len(site.requests(State.FAILED)) == 13)
        replicated.fail_over()
        assert len(site.requests(State.QUEUED)) == 12
        site.store.lift_stop("*", frozenset({"pause"}), "test", "go on")

        assert patiently(lambda: len(site.requests(State.FAILED)) == 13)
        assert sorted(cloud.world.starts.values()) == [1] * 11 + [2]
        assert {one.job_id for one in site.requests()} == {job.id for job in cloud.world.jobs}
