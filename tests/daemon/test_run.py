"""The daemon as a real process against the emulator."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation, patiently
from offpeakd import app
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY, Mix
from offpeakd.emulator.options import EmulatorSettings


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    settings = EmulatorSettings(
        instances=30,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
    )
    with Emulator(settings, app.system_clock()) as emulator:
        yield emulator


def a_moment(text: str, ahead: timedelta) -> tuple[datetime, str]:
    moment = (app.system_clock().now() + ahead).replace(microsecond=0)
    day = (moment - timedelta(days=1)).date()
    shape = {
        "opens": f"freezes: [{{name: f, from: {day}T00:00, to: {moment:%Y-%m-%dT%H:%M:%S}}}]",
        "closes": f"freezes: [{{name: f, from: {moment:%Y-%m-%dT%H:%M:%S}, to: 2099-01-01}}]",
    }[text]
    return moment, f"windows: {{always: {{always: true}}}}\n{shape}"


def test_twenty_five_requests_go_out_in_tens_and_are_followed_to_their_end(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        site.add(25)
        assert site.start("--until-idle").wait(60) == 0

        done = site.requests()
        assert site.calls() == [10, 10, 5]
        assert {request.state for request in done} == {State.SUCCEEDED}
        assert {request.job_id for request in done} == {job.id for job in cloud.world.jobs}
        assert all(cloud.starts(request.instance_id) == 1 for request in done)


def test_refused_failed_and_finished_requests_are_told_apart(tmp_path: Path) -> None:
    settings = EmulatorSettings(
        instances=20,
        mix=Mix(busy=0, frozen=0, abnormal=0, single=0.1, current=0.1, failing=0.2),
        job_duration=timedelta(milliseconds=300),
        job_visible_after=timedelta(0),
    )
    with Emulator(settings, app.system_clock()) as cloud, Installation(tmp_path, cloud) as site:
        site.add(20)
        assert site.start("--until-idle").wait(60) == 0

        codes = sorted(one.error_code or "" for one in site.requests(State.FAILED))
        assert codes == ["job-failed"] * 4 + ["single-node"] * 2
        assert len(site.requests(State.SUCCEEDED)) == 14


def test_nothing_leaves_before_the_opening_and_the_first_call_leaves_at_once(
    cloud: Emulator, tmp_path: Path
) -> None:
    opens, windows = a_moment("opens", timedelta(seconds=4))
    with Installation(tmp_path, cloud, windows) as site:
        site.add(20)
        assert site.start("--until-idle").wait(60) == 0

        first = min(call.at for call in cloud.world.calls)
        [started] = [line for line in site.log().splitlines() if '"started"' in line]
        ready = max(opens, datetime.fromisoformat(json.loads(started)["time"]))
        assert opens <= first < ready + timedelta(seconds=2)


def test_nothing_leaves_once_a_freeze_or_the_guard_before_it_has_begun(
    cloud: Emulator, tmp_path: Path
) -> None:
    more = "release: {guard: 1s, poll: 100ms}"
    with Installation(tmp_path, cloud, more=more) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        closes, windows = a_moment("closes", timedelta(seconds=6))
        site.configure(windows)
        daemon.send_signal(signal.SIGHUP)
        assert site.has_logged('"reloaded"')
        site.add(5)
        assert patiently(lambda: sum(site.calls()) == 5)
        assert patiently(lambda: datetime.now(UTC) > closes - timedelta(seconds=1))  # noqa: TID251
        site.add(20)
        assert patiently(lambda: datetime.now(UTC) > closes + timedelta(seconds=1))  # noqa: TID251

        assert sum(site.calls()) == 5
        assert len(site.requests(State.QUEUED)) == 20


def test_a_stop_asked_for_ends_with_zero_and_loses_nothing(cloud: Emulator, tmp_path: Path) -> None:
    with Installation(tmp_path, cloud) as site:
        daemon = site.start()
        site.add(30)
        assert patiently(lambda: len(site.calls()) >= 1)
        daemon.send_signal(signal.SIGTERM)

        assert daemon.wait(30) == 0
        sent = {one for call in cloud.world.calls for one in call.started}
        known = {
            one.instance_id for one in site.requests(State.RUNNING, State.SUCCEEDED) if one.job_id
        }
        assert known == sent


def test_an_interrupt_ends_in_order_too(cloud: Emulator, tmp_path: Path) -> None:
    with Installation(tmp_path, cloud) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        daemon.send_signal(signal.SIGINT)

        assert daemon.wait(30) == 130


def test_a_second_daemon_on_the_same_database_ends_with_seven(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        first = site.start()
        assert site.has_logged('"started"')
        second = site.start()

        assert second.wait(30) == 7
        assert str(first.pid) in site.log()
        assert first.poll() is None


def test_a_killed_daemons_open_call_is_unknown_and_not_sent_again(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        (request,) = site.add(1)
        database = sqlite3.connect(tmp_path / "offpeakd.db")
        _leave_submitting(site, request.id)
        database.close()
        daemon = site.start()

        assert site.has_logged('"abandoned_attempts"')
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert site.requests()[0].state is State.UNKNOWN
        assert site.calls() == []


def _leave_submitting(site: Installation, request_id: int) -> None:
    """Write a batch down as a daemon does that dies before its call."""
    from offpeakd.core.batch import Batch

    request = site.store.get(request_id)
    assert request is not None
    batch = Batch(
        id="b" * 32,
        target="prod",
        group="default",
        requests=(request,),
        attempt_ids=("a" * 32,),
        owner="dead",
        windows=("always",),
        opening_start=None,
        opening_end=None,
        signed_at=app.system_clock().now(),
        fenced=True,
        body_sha256="",
        config_hash="",
        tzdata_version="",
        instance_versions=(None,),
    )
    assert site.store.claim(batch)


def test_a_broken_configuration_is_refused_and_the_old_one_stays(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        site.configure("windows: {always: {alwys: true}}")
        daemon.send_signal(signal.SIGHUP)

        assert site.has_logged('"reload_refused"')
        assert patiently(
            lambda: "Did you mean always?" in (site.store.daemons()[0].config_error or "")
        )
        site.add(3)
        assert patiently(lambda: sum(site.calls()) == 3)


def test_a_reload_that_opens_a_window_gives_notice_before_it_releases(
    cloud: Emulator, tmp_path: Path
) -> None:
    never = "windows: {past: {dates: [2020-01-01], from: '01:00', to: '02:00'}}"
    with Installation(tmp_path, cloud, never, "release: {min_notice: 2s, poll: 100ms}") as site:
        site.add(3)
        daemon = site.start()
        assert site.has_logged('"started"')
        site.configure("windows: {always: {always: true}}")
        reloaded = app.system_clock().now()
        daemon.send_signal(signal.SIGHUP)

        assert site.has_logged('"reloaded"')
        assert patiently(lambda: sum(site.calls()) == 3)
        assert cloud.world.calls[0].at >= reloaded + timedelta(seconds=2)


def test_a_missing_key_file_ends_with_four_and_names_the_file(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        (tmp_path / "prod.sk").unlink()

        assert site.start().wait(30) == 4
        assert "prod.sk" in site.log()


def test_a_wrong_key_stops_the_target_and_spares_the_key(cloud: Emulator, tmp_path: Path) -> None:
    with Installation(tmp_path, cloud, access_key="WRONG-KEY") as site:
        site.add(3)
        daemon = site.start()

        assert site.has_logged('"look_failed"')
        assert [stop.kind for stop in site.store.stops()] == ["credentials"]
        assert {one.state for one in site.requests()} == {State.QUEUED}
        site.write_keys(cloud.settings.access_key)
        daemon.send_signal(signal.SIGHUP)
        assert patiently(lambda: sum(site.calls()) == 3)
        assert "emulated-secret-key" not in site.log()


def test_a_pause_holds_everything_until_it_is_resumed(cloud: Emulator, tmp_path: Path) -> None:
    from fakes.builders import a_stop

    with Installation(tmp_path, cloud, more="release: {poll: 100ms}") as site:
        site.store.put_stop(a_stop("pause", scope="*"))
        site.add(3)
        site.start()
        assert site.has_logged('"started"')
        assert site.calls() == []
        site.store.lift_stop("*", frozenset({"pause"}), "test", "go on")

        assert patiently(lambda: sum(site.calls()) == 3)


def test_a_request_past_its_deadline_expires_unsent(cloud: Emulator, tmp_path: Path) -> None:
    with Installation(tmp_path, cloud) as site:
        site.add(2, deadline=app.system_clock().now() - timedelta(seconds=1))

        assert site.start("--until-idle").wait(30) == 0
        assert {one.state for one in site.requests()} == {State.EXPIRED}
        assert site.calls() == []


def test_what_only_a_person_can_release_ends_an_idle_run_with_three(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        site.add(2, held_reason="billing run")

        assert site.start("--until-idle").wait(30) == 3


def test_what_checks_a_configuration_is_no_part_of_a_daemon_at_work(
    cloud: Emulator, tmp_path: Path
) -> None:
    with Installation(tmp_path, cloud) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        process = Path(f"/proc/{daemon.pid}")

        assert "pydantic_core" not in (process / "maps").read_text()
        assert not (process / "task" / str(daemon.pid) / "children").read_text()


def test_a_wrong_configuration_is_told_once_even_where_it_can_be_read_but_once(
    tmp_path: Path,
) -> None:
    piped = f"{sys.executable} -m offpeakd --config <(echo 'relase: 1') run"
    done = subprocess.run(
        ["/bin/bash", "-c", piped], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.count("unknown key 'relase'") == 1
    assert "Traceback" not in done.stderr
