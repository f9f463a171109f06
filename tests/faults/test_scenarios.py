"""Scenarios of docs/development/faults.md, by number: the network, the cloud, and time."""

import ssl
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from fakes.builders import a_calendar, always
from fakes.fault_proxy import FaultProxy, Spoil
from fakes.real_lane import a_lane
from faults.scene import a_scene
from offpeakd import app
from offpeakd.adapters.sql.schema import ensure
from offpeakd.core.model import State
from offpeakd.core.windows import Freeze
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import NO_FAULTS, Faults
from offpeakd.emulator.fleet import ORDINARY, Mix
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule
from offpeakd.emulator.verify import AccessKey
from offpeakd.ports import Filter

WIRE = Path(__file__).parent.parent / "adapters" / "wire"
FENCE = timedelta(minutes=18)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


def test_scenario_04_an_answer_that_is_swallowed_is_looked_up_and_never_sent_again(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path, Rule(do="swallow", nth=1)) as scene:
        scene.lane.work()
        assert scene.states() == {State.UNKNOWN}

        scene.live(timedelta(minutes=25))

        assert scene.calls == 1
        assert scene.states() == {State.SUCCEEDED}
        assert scene.job_ids() == scene.jobs()


def test_scenario_05_a_reset_is_no_failure_and_only_looks_past_the_fence_send_again(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path) as scene:
        scene.lane.cloud.on_signed = lambda: scene.proxy.arm(Spoil.RESET_BEFORE)
        scene.lane.work()
        assert scene.states() == {State.UNKNOWN}
        assert scene.calls == 0
        scene.lane.cloud.on_signed = lambda: None

        scene.live(FENCE - MINUTE / 2)
        assert scene.calls == 0

        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})
        assert scene.calls == 1
        assert {one.resends for one in scene.requests()} == {1}
        assert scene.job_ids() == scene.jobs()


def test_scenario_10_a_busy_instance_is_left_alone_for_a_minute_at_least(tmp_path: Path) -> None:
    busy = Rule(do="refuse-id", code="DBS.200019", nth=1)
    with a_scene(tmp_path, busy, instances=1) as scene:
        scene.lane.work()
        (request,) = scene.requests()
        assert request.state is State.QUEUED
        assert request.error_code == "DBS.200019"

        scene.live(MINUTE, SECOND)
        assert scene.calls == 1

        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})
        assert scene.calls == 2


@pytest.mark.parametrize("do", ["do-then-500", "do-then-504", "do-then-drop", "empty-202"])
def test_scenario_11_work_done_behind_an_error_is_adopted(tmp_path: Path, do: str) -> None:
    with a_scene(tmp_path, Rule(do=do, nth=1)) as scene:
        scene.lane.work()
        assert scene.states() == {State.UNKNOWN}

        scene.live_until(lambda: scene.states() == {State.RUNNING})
        assert scene.job_ids() == scene.jobs()
        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})
        assert scene.calls == 1


def test_scenario_12_a_call_that_arrives_ninety_seconds_late_is_not_sent_again(
    tmp_path: Path,
) -> None:
    late = Rule(do="504-then-do", nth=1, wait=timedelta(seconds=90))
    with a_scene(tmp_path, late) as scene:
        scene.lane.work()
        scene.live(MINUTE)
        assert scene.states() == {State.UNKNOWN}

        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})

        assert scene.calls == 1
        assert not scene.started_twice
        assert scene.job_ids() == scene.jobs()


def test_scenario_13_a_redirect_is_not_followed_and_proves_nothing(tmp_path: Path) -> None:
    with a_scene(tmp_path, Rule(do="redirect", nth=1)) as scene:
        scene.lane.work()

        assert scene.states() == {State.UNKNOWN}
        assert scene.calls == 1
        assert all("307" in (one.error_message or "") for one in scene.requests())


def test_scenario_14_a_cloud_that_throttles_fifty_times_is_asked_ever_less_often(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path, Rule(do="throttle", times=50), instances=2) as scene:
        while scene.states() == {State.QUEUED}:
            scene.lane.run_once()
            for stop in scene.lane.stops():
                assert stop.until is not None
                # Just before its end, nothing goes.
                scene.clock.advance(stop.until - scene.clock.now() - MOMENT)
                scene.lane.run_once()
                scene.clock.advance(MOMENT)

        at = [call.at for call in scene.cloud.world.calls]
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert len(at) == 51
        assert min(gaps) >= timedelta(seconds=5)
        assert min(gaps[6:]) >= MINUTE
        assert {one.attempts for one in scene.requests()} == {1}


def test_scenario_14_another_target_is_unaffected_meanwhile(tmp_path: Path) -> None:
    with a_scene(tmp_path, Rule(do="throttle")) as scene:
        scene.lane.work()
        settings = EmulatorSettings(instances=1, mix=ORDINARY, seed=9)
        with (
            Emulator(settings, scene.clock) as other,
            a_lane(scene.lane.url, settings, other.url, clock=scene.clock, target="other") as lane,
        ):
            lane.ask(*other.world.instances)
            lane.run_once()

            assert len(other.world.calls) == 1
            assert scene.states() == {State.QUEUED}


def test_scenario_15_a_rotated_key_is_tried_three_times_in_five_minutes_at_the_most(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path) as scene:
        old = AccessKey(scene.cloud.settings.access_key, scene.cloud.settings.secret_key, "")
        scene.cloud.use_key(AccessKey("ANOTHER-KEY", "another-secret", ""))
        scene.live(5 * MINUTE - SECOND, timedelta(seconds=13))
        assert 1 <= sum(scene.cloud.world.received.values()) <= 3
        assert {stop.kind for stop in scene.lane.stops()} == {"credentials"}

        scene.cloud.use_key(old)
        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})
        assert scene.calls == 1


def test_scenario_19_a_job_that_runs_for_ten_hours_is_late_and_nothing_else(tmp_path: Path) -> None:
    with a_scene(tmp_path, job_duration=timedelta(hours=11)) as scene:
        scene.live(timedelta(hours=10), timedelta(minutes=10))

        assert scene.states() == {State.RUNNING}
        assert scene.calls == 1
        late = scene.lane.store.page(Filter(follow_up=True), 0, 10)
        assert {one.instance_id for one in late} == set(scene.ids)

        scene.live(timedelta(hours=2), timedelta(minutes=10))
        assert scene.states() == {State.SUCCEEDED}


def test_scenario_20_a_job_that_shows_after_half_a_minute_was_never_an_error(
    tmp_path: Path,
) -> None:
    hidden = Rule(do="job-invisible", nth=1, wait=timedelta(seconds=30))
    with a_scene(tmp_path, hidden) as scene:
        scene.lane.work()
        for _ in range(40):
            scene.live(SECOND, SECOND)
            assert scene.states() == {State.RUNNING}
            assert {one.error_message for one in scene.requests()} == {None}

        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})


def test_scenario_21_a_failed_job_is_told_once_with_its_reason(tmp_path: Path) -> None:
    failing = Mix(busy=0, frozen=0, abnormal=0, single=0, current=0, failing=1)
    with a_scene(tmp_path, instances=1, mix=failing) as scene:
        scene.live_until(lambda: scene.states() == {State.FAILED})
        scene.live(timedelta(minutes=5))

        (request,) = scene.requests()
        assert "did not come back" in (request.error_message or "")
        assert scene.lane.store.page(Filter(follow_up=True), 0, 10) == (request,)
        kinds = [event.kind for event in scene.lane.store.events(request.id)]
        assert kinds.count("failed") == 1
        assert scene.calls == 1


def test_scenario_22_an_upgrade_that_a_person_started_meanwhile_is_not_started_again(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path, instances=1) as scene:
        job_id = scene.cloud.upgrade_elsewhere(scene.ids[0])
        scene.lane.work()
        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})

        assert scene.calls == 0
        assert not scene.started_twice
        assert scene.job_ids() == {scene.ids[0]: job_id}


def test_scenario_23_an_instance_that_is_deleted_while_it_waits_is_never_sent(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path) as scene:
        scene.cloud.remove(scene.ids[0])
        scene.lane.work()

        gone, there = scene.requests()
        assert (gone.state, gone.error_code) == (State.FAILED, "instance-missing")
        assert there.state is State.RUNNING
        assert [call.instance_ids for call in scene.cloud.world.calls] == [(scene.ids[1],)]


@pytest.mark.parametrize(
    ("frozen", "sent"),
    [(timedelta(seconds=10), True), (timedelta(seconds=10, microseconds=1), False)],
)
def test_scenario_29_a_decision_older_than_ten_seconds_is_not_sent(
    tmp_path: Path, *, frozen: timedelta, sent: bool
) -> None:
    with a_scene(tmp_path) as scene:
        scene.lane.cloud.on_signed = lambda: scene.clock.advance(frozen)
        scene.lane.run_once()

        assert scene.calls == int(sent)
        assert scene.states() == {State.RUNNING if sent else State.QUEUED}


def test_scenario_30_a_call_that_was_frozen_for_forty_minutes_starts_nothing(
    tmp_path: Path,
) -> None:
    with a_scene(tmp_path) as scene:
        call = scene.lane.cloud.sign_upgrade(scene.ids)
        scene.clock.advance(timedelta(minutes=40))
        answer = scene.lane.cloud.send(call, lambda: None)

        assert (answer.result.outcome, answer.result.http_status) == ("refused", 401)
        assert scene.calls == 1
        assert not scene.cloud.world.starts


def test_a_scene_without_faults_ends_well(tmp_path: Path) -> None:
    """Or the other scenarios would prove less than they say."""
    with a_scene(tmp_path, Rule(do="answer-500")) as scene:
        scene.cloud.use_faults(Faults(NO_FAULTS.rules))
        scene.live_until(lambda: scene.states() == {State.SUCCEEDED})

        assert scene.calls == 1
        assert {one.resends for one in scene.requests()} == {0}


@pytest.mark.parametrize(
    ("closes_in", "sent"),
    [(timedelta(seconds=0.3), False), (timedelta(hours=1), True)],
    ids=["closed meanwhile", "still open"],
)
def test_scenario_24_a_window_that_closes_during_a_slow_tls_handshake_lets_nothing_through(
    tmp_path: Path, *, closes_in: timedelta, sent: bool
) -> None:
    settings = EmulatorSettings(instances=1, mix=ORDINARY)
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    with (
        Emulator(settings, app.system_clock()) as cloud,
        FaultProxy(cloud.url, pause=0.6, tls=server_tls()) as proxy,
        a_lane(url, settings, proxy.url, ca_file=str(WIRE / "loopback.crt")) as lane,
    ):
        lane.ask(*cloud.world.instances)

        def connect_slowly_towards_the_end() -> None:
            proxy.arm(Spoil.SLOW_CONNECT)
            now = lane.clock.now()
            closed = Freeze("f", "", "UTC", start=now + closes_in, end=now + timedelta(days=1))
            policy = replace(lane.rules.rules.policy, guard=timedelta(0))
            calendar = a_calendar(always(), freezes=(closed,))
            lane.rules.rules = replace(lane.rules.rules, calendar=calendar, policy=policy)

        lane.cloud.on_signed = connect_slowly_towards_the_end
        lane.run_once()

        assert len(cloud.world.calls) == int(sent)
        assert {one.state for one in lane.requests().values()} == {
            State.RUNNING if sent else State.QUEUED
        }


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE / "loopback.crt", WIRE / "loopback.key")
    return context
