"""The daemon as a real process against a cloud that misbehaves."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import ALWAYS, Installation, patiently
from offpeakd import app
from offpeakd.core.model import Request, State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

SOON_RECONCILED = "reconcile: {every: 300ms}"


@contextmanager
def a_site(
    folder: Path, *rules: Rule, windows: str = ALWAYS, more: str = "", instances: int = 25
) -> Iterator[Installation]:
    """An installation in front of a cloud with these faults."""
    settings = EmulatorSettings(
        instances=instances,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
        faults=Faults(rules, seed=1),
    )
    with (
        Emulator(settings, app.system_clock()) as cloud,
        Installation(folder, cloud, windows, more) as site,
    ):
        yield site


def _ever(state: State, site: Installation) -> list[Request]:
    """The requests that came to a state, whatever they came to after it."""
    return [
        request
        for request in site.requests()
        if any(event.state is state for event in site.store.events(request.id))
    ]


@pytest.mark.parametrize(
    "do", ["do-then-500", "do-then-504", "do-then-drop", "empty-202", "cut-202", "html"]
)
def test_an_answer_that_proves_nothing_is_unknown_and_never_sent_again(
    tmp_path: Path, do: str
) -> None:
    with a_site(tmp_path, Rule(do=do, nth=1), more=SOON_RECONCILED) as site:
        site.add(12)
        site.start()

        # Looks at the cloud come right behind, and find out what they became.
        assert patiently(lambda: len(_ever(State.UNKNOWN, site)) == 10)
        assert patiently(lambda: len(_ever(State.SUCCEEDED, site)) >= 2)
        assert site.calls() == [10, 2]
        assert max(site.cloud.world.starts.values()) == 1


def test_an_idle_run_waits_until_it_is_found_out_what_the_cloud_did(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="do-then-500", nth=1), more=SOON_RECONCILED) as site:
        site.add(12)

        assert site.start("--until-idle").wait(60) == 0
        assert len(site.requests(State.SUCCEEDED)) == 12
        assert {one.job_id for one in site.requests()} == {job.id for job in site.cloud.world.jobs}
        assert max(site.cloud.world.starts.values()) == 1


def test_an_idle_run_ends_with_three_when_a_person_has_to_decide(tmp_path: Path) -> None:
    more = "reconcile: {fence: 1s, every: 200ms, looks: 2}"
    with a_site(tmp_path, Rule(do="drop-before"), more=more) as site:
        site.add(2)

        assert site.start("--until-idle").wait(60) == 3
        assert len(site.requests(State.NEEDS_REVIEW)) == 2
        assert site.calls() == [2, 2]


def test_an_entry_that_is_missing_leaves_its_instance_alone_unknown(tmp_path: Path) -> None:
    with a_site(tmp_path, Rule(do="missing-id", nth=1)) as site:
        site.add(10)
        site.start()

        assert patiently(lambda: len(_ever(State.SUCCEEDED, site)) >= 9)
        assert len(_ever(State.UNKNOWN, site)) == 1
        assert site.calls() == [10]


def test_a_slow_cloud_gets_no_call_after_the_cutoff(tmp_path: Path) -> None:
    closes = (app.system_clock().now() + timedelta(seconds=14)).replace(microsecond=0)
    windows = (
        "windows: {always: {always: true, cutoff: 2s}}\n"
        f"freezes: [{{name: f, from: {closes:%Y-%m-%dT%H:%M:%S}, to: 2099-01-01}}]"
    )
    slow = Rule(do="delay", wait=timedelta(milliseconds=700))
    with a_site(
        tmp_path, slow, windows=windows, more="release: {guard: 0s}", instances=400
    ) as site:
        site.add(400)
        daemon = site.start()
        assert patiently(lambda: app.system_clock().now() > closes + timedelta(seconds=1))
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0

        last = max(call.at for call in site.cloud.world.calls)
        assert last <= closes - timedelta(seconds=2)
        assert 0 < sum(site.calls()) < 400
        assert len(site.requests(State.QUEUED)) == 400 - sum(site.calls())


def test_a_stop_in_the_middle_of_a_call_waits_for_its_answer(tmp_path: Path) -> None:
    slow = Rule(do="delay", wait=timedelta(seconds=2))
    with a_site(tmp_path, slow) as site:
        site.add(25)
        daemon = site.start()
        assert patiently(lambda: len(site.requests(State.SUBMITTING)) == 10)
        daemon.send_signal(signal.SIGTERM)

        assert daemon.wait(30) == 0
        assert len([one for one in site.requests() if one.job_id]) == 10
        assert len(site.requests(State.QUEUED)) == 15


def test_a_second_stop_ends_at_once_and_the_next_run_knows_nothing_for_sure(
    tmp_path: Path,
) -> None:
    with a_site(tmp_path, Rule(do="swallow", nth=1)) as site:
        site.add(3)
        daemon = site.start()
        assert patiently(lambda: len(site.calls()) == 1)
        daemon.send_signal(signal.SIGTERM)
        assert site.has_logged('"stopping"')
        daemon.send_signal(signal.SIGTERM)

        assert daemon.wait(10) == 143
        site.start()
        # They are unknown until the cloud was asked what became of them, which may be done at once.
        assert site.has_logged('"requests": 3, "event": "abandoned_attempts"')
        assert site.calls() == [3]


def test_a_daemon_killed_in_the_middle_of_a_call_sends_nothing_twice(tmp_path: Path) -> None:
    slow = Rule(do="delay", wait=timedelta(seconds=30), nth=1)
    with a_site(tmp_path, slow) as site:
        site.add(12)
        daemon = site.start()
        assert patiently(lambda: len(site.requests(State.SUBMITTING)) == 10)
        daemon.kill()
        daemon.wait(10)
        site.start()

        assert patiently(lambda: len(site.requests(State.SUCCEEDED)) == 2)
        assert len(site.requests(State.UNKNOWN)) == 10
        assert max(site.cloud.world.starts.values()) == 1


def test_throttling_pauses_the_target_and_goes_on_by_itself(tmp_path: Path) -> None:
    busy = Rule(do="throttle", nth=1, retry_after=timedelta(seconds=1))
    with a_site(tmp_path, busy) as site:
        site.add(5)

        assert site.start("--until-idle").wait(60) == 0
        assert {(one.state, one.attempts) for one in site.requests()} == {(State.SUCCEEDED, 1)}
        assert "throttled" in site.log()


def test_one_id_that_spoils_its_batch_is_found_and_the_others_run(tmp_path: Path) -> None:
    with a_site(tmp_path) as probe:
        poison = sorted(probe.cloud.world.instances)[6]
    folder = tmp_path / "poisoned"
    folder.mkdir()
    with a_site(folder, Rule(do="poison-400", instance=poison)) as site:
        site.add(10)

        assert site.start("--until-idle").wait(60) == 0
        assert [one.instance_id for one in site.requests(State.FAILED)] == [poison]
        assert len(site.requests(State.SUCCEEDED)) == 9
        assert len(site.calls()) <= 7


def test_a_job_that_fails_and_one_that_shows_late_are_told_apart(tmp_path: Path) -> None:
    hidden = Rule(do="job-invisible", nth=1, wait=timedelta(seconds=2))
    with a_site(tmp_path, hidden) as site:
        site.add(3)

        assert site.start("--until-idle").wait(60) == 0
        assert {one.state for one in site.requests()} == {State.SUCCEEDED}
