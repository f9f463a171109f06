"""What the pretended cloud does with upgrade calls, and how their jobs go on."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.emulated_calls import Caller
from fakes.set_clock import START, SetClock
from offpeakd.emulator import ORDINARY, DdsInstance, Emulator, EmulatorSettings, Mix
from offpeakd.emulator.cloud_model import Group, Node

SECOND = timedelta(seconds=1)
TEN_MINUTES = timedelta(minutes=10)
NOBODY = "e" * 32 + "in02"


def first(cloud: Emulator) -> DdsInstance:
    return next(iter(cloud.world.instances.values()))


def one_result(caller: Caller, instance_id: str) -> dict[str, Any]:
    (result,) = caller.upgrade(instance_id).document["upgrade_results"]
    found: dict[str, Any] = result
    return found


def of_version(one: DdsInstance) -> DdsInstance:
    return replace(one, version="3.2")


def with_bad_node(one: DdsInstance) -> DdsInstance:
    node = Node("n" * 32 + "no02", "n", "Primary", "192.0.2.1", "a", status="reboot")
    return replace(one, groups=(Group("replica", (node,)),))


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        (lambda one: replace(one, actions=("UPGRADE_DATABASE",)), "DBS.200011", 403),
        (lambda one: replace(one, actions=("BACKUP",)), "DBS.200019", 403),
        (lambda one: replace(one, status="frozen", actions=("FROZEN",)), "DBS.200047", 400),
        (lambda one: replace(one, status="abnormal"), "DBS.200018", 403),
        (with_bad_node, "DBS.200018", 403),
        (lambda one: replace(one, mode="Single"), "DBS.280342", 400),
        (of_version, "DBS.200041", 400),
        (lambda one: replace(one, patch_available=False), "DBS.05000008", 400),
    ],
    ids=[
        "upgrading",
        "busy otherwise",
        "frozen",
        "abnormal",
        "a node that reboots",
        "single",
        "too old",
        "current",
    ],
)
def test_an_instance_that_cannot_be_upgraded_is_refused_with_its_code(
    cloud: Emulator, caller: Caller, change: Any, code: str, status: int
) -> None:
    instance = first(cloud)
    cloud.put(change(instance))

    in_batch = one_result(caller, instance.id)
    alone = caller.dds("POST", f"instances/{instance.id}/db-upgrade", {})

    assert (in_batch["error_code"], "job_id" in in_batch) == (code, False)
    assert (alone.status, alone.code) == (status, code)
    assert alone.document["error_msg"] == in_batch["error_message"]
    assert cloud.starts(instance.id) == 0


def test_an_instance_that_is_gone_is_refused(cloud: Emulator, caller: Caller) -> None:
    instance = first(cloud)
    cloud.remove(instance.id)
    cloud.remove(instance.id)

    assert one_result(caller, instance.id)["error_code"] == "DBS.200002"
    assert caller.dds("POST", f"instances/{instance.id}/db-upgrade").status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "DBS.280001"),
        (b"{", "DBS.280001"),
        ([NOBODY], "DBS.280001"),
        ({"instance_ids": []}, "DBS.280001"),
        ({"instance_ids": NOBODY}, "DBS.280001"),
        ({"instance_ids": [NOBODY, NOBODY]}, "DBS.280001"),
        ({"instance_ids": [f"{number:032x}in02" for number in range(11)]}, "DBS.280001"),
        ({"instance_ids": ["abc"]}, "DBS.280404"),
        ({"instance_ids": [7]}, "DBS.280404"),
        ({"instance_ids": [NOBODY.replace("in02", "in01")]}, "DBS.280404"),
    ],
    ids=[
        "no body",
        "no JSON",
        "a list",
        "no ids",
        "text for a list",
        "an id twice",
        "eleven ids",
        "no id",
        "a number",
        "of another service",
    ],
)
def test_a_body_that_cannot_be_is_refused_as_a_whole(
    caller: Caller, body: object, code: str
) -> None:
    answer = caller.dds("POST", "instances/db-upgrade", body)

    assert (answer.status, answer.code) == (400, code)


def test_an_upgrade_takes_its_time_and_changes_the_version(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    before = first(cloud)
    job_id = one_result(caller, before.id)["job_id"]

    clock.advance(TEN_MINUTES - SECOND)
    running = first(cloud)
    clock.advance(SECOND)
    after = first(cloud)
    job = caller.dds("GET", f"jobs?id={job_id}").document["job"]

    assert running.actions == ("UPGRADE_DATABASE",)
    assert set(running.node_states) == {"upgrade_database"}
    assert after == replace(before, whole_version=before.newest_version, patch_available=False)
    assert (job["status"], job["progress"], job["ended"]) == (
        "Completed",
        "",
        "2024-01-02T03:14:05+0000",
    )


def test_an_upgrade_that_breaks_off_leaves_the_version(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    before = replace(first(cloud), fail_reason="Node 1 did not come back.")
    cloud.put(before)
    job_id = one_result(caller, before.id)["job_id"]

    clock.advance(TEN_MINUTES)
    job = caller.dds("GET", f"jobs?id={job_id}").document["job"]

    assert (job["status"], job["fail_reason"]) == ("Failed", "Node 1 did not come back.")
    assert first(cloud) == before


def test_a_job_shows_itself_only_after_a_while(caller: Caller, clock: SetClock) -> None:
    job_id = one_result(caller, next(iter(caller.cloud.world.instances)))["job_id"]

    seen = []
    for pause in (timedelta(0), 5 * SECOND - SECOND / 1000, SECOND / 1000):
        clock.advance(pause)
        seen.append(
            (caller.dds("GET", f"jobs?id={job_id}").status, len(jobs_of(caller, "")["jobs"]))
        )

    assert seen == [(400, 0), (400, 0), (200, 1)]


def test_a_running_job_tells_progress_and_an_end_that_is_none(
    caller: Caller, clock: SetClock
) -> None:
    job_id = one_result(caller, next(iter(caller.cloud.world.instances)))["job_id"]
    clock.advance(timedelta(minutes=1))

    job = caller.dds("GET", f"jobs?id={job_id}").document["job"]

    assert (job["status"], job["progress"]) == ("Running", "10%")
    assert (job["created"], job["ended"]) == (
        "2024-01-02T03:04:05+0000",
        "2024-01-02T03:05:05+0000",
    )


def test_a_call_is_kept_with_its_time_and_its_answer(cloud: Emulator, caller: Caller) -> None:
    instance_id = first(cloud).id
    answer = caller.upgrade(instance_id, NOBODY)

    (call,) = cloud.world.calls

    assert (call.at, call.signed_at) == (START, "20240102T030405Z")
    assert call.instance_ids == (instance_id, NOBODY)
    assert (call.status, call.answer, call.started) == (202, answer.body, (instance_id,))
    assert call.request_id == answer.headers["X-Request-Id"]
    assert cloud.world.received == {"upgrade": 1}


def test_a_call_that_is_not_let_in_is_kept_too(cloud: Emulator, caller: Caller) -> None:
    caller.secret = "wrong"
    caller.upgrade(first(cloud).id)

    (call,) = cloud.world.calls

    assert (call.status, call.started) == (401, ())
    assert json.loads(call.answer)["error_code"] == "APIGW.0301"


def test_somebody_elses_upgrade_makes_the_instance_busy(cloud: Emulator, caller: Caller) -> None:
    instance_id = first(cloud).id

    assert cloud.upgrade_elsewhere(instance_id) is not None
    assert cloud.upgrade_elsewhere(instance_id) is None
    assert one_result(caller, instance_id)["error_code"] == "DBS.200011"
    assert cloud.starts(instance_id) == 1


def test_a_permissive_cloud_starts_an_upgrade_twice_so_that_it_shows(clock: SetClock) -> None:
    settings = EmulatorSettings(
        instances=1, mix=ORDINARY, permissive=True, job_duration=TEN_MINUTES
    )
    with Emulator(settings, clock) as cloud:
        caller, instance_id = Caller(cloud, clock), first(cloud).id

        caller.upgrade(instance_id)
        clock.advance(TEN_MINUTES / 2)
        caller.upgrade(instance_id)
        clock.advance(TEN_MINUTES / 2)
        while_the_second_runs = first(cloud).actions
        clock.advance(TEN_MINUTES)
        when_both_are_done = first(cloud).actions
        caller.upgrade(instance_id)
        caller.close()

        assert while_the_second_runs == ("UPGRADE_DATABASE",)
        assert when_both_are_done == ()
        assert cloud.starts(instance_id) == 3


def test_a_permissive_cloud_still_refuses_what_was_current_before(clock: SetClock) -> None:
    with Emulator(
        EmulatorSettings(instances=1, mix=Mix(current=1), permissive=True), clock
    ) as cloud:
        caller = Caller(cloud, clock)
        result = one_result(caller, first(cloud).id)
        caller.close()

    assert result["error_code"] == "DBS.05000008"


def test_a_job_outlives_its_instance(cloud: Emulator, caller: Caller, clock: SetClock) -> None:
    instance_id = first(cloud).id
    job_id = one_result(caller, instance_id)["job_id"]
    cloud.remove(instance_id)
    clock.advance(TEN_MINUTES)

    assert caller.dds("GET", f"jobs?id={job_id}").document["job"]["status"] == "Completed"


def test_jobs_are_forgotten_after_a_month(cloud: Emulator, caller: Caller, clock: SetClock) -> None:
    old, *_, last = cloud.world.instances
    caller.upgrade(old)
    clock.advance(timedelta(days=30) - SECOND)
    caller.upgrade(last)
    kept = len(cloud.world.jobs)
    clock.advance(SECOND)
    cloud.upgrade_elsewhere(list(cloud.world.instances)[1])

    assert kept == 2
    assert cloud.world.jobs[0].instance_id == last


# ------------------------------------------------------------------------------ one at a time


@pytest.mark.parametrize(
    "body",
    [{"upgrade_mode": "fastest"}, {"is_delayed": "yes"}],
    ids=["unknown mode", "text for a truth value"],
)
def test_an_option_that_cannot_be_is_refused(
    cloud: Emulator, caller: Caller, body: dict[str, object]
) -> None:
    answer = caller.dds("POST", f"instances/{first(cloud).id}/db-upgrade", body)

    assert (answer.status, answer.code) == (400, "DBS.280001")


def test_a_delayed_upgrade_starts_in_the_clouds_own_window(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    instance_id = first(cloud).id
    caller.dds(
        "PUT",
        f"instances/{instance_id}/maintenance-window",
        {"start_time": "04:00", "end_time": "05:00"},
    )
    answer = caller.dds("POST", f"instances/{instance_id}/db-upgrade", {"is_delayed": True})
    (waiting,) = caller.dds("GET", "scheduled-jobs").document["schedules"]

    clock.advance(timedelta(minutes=55))
    before = cloud.starts(instance_id)
    clock.advance(timedelta(minutes=1))
    (done,) = caller.dds("GET", "scheduled-jobs?job_status=Completed").document["schedules"]

    assert waiting["job_id"] == answer.document["job_id"] == done["job_id"]
    assert (waiting["job_status"], waiting["start_time"]) == (
        "Pending",
        "2024-01-02T04:00:00+0000",
    )
    assert (before, cloud.starts(instance_id)) == (0, 1)


def test_a_delayed_upgrade_waits_for_tomorrow_when_todays_window_has_begun(
    cloud: Emulator, caller: Caller
) -> None:
    caller.dds("POST", f"instances/{first(cloud).id}/db-upgrade", {"is_delayed": True})

    (waiting,) = caller.dds("GET", "scheduled-jobs").document["schedules"]

    assert waiting["start_time"] == "2024-01-03T02:00:00+0000"


def test_a_cancelled_upgrade_never_starts(cloud: Emulator, caller: Caller, clock: SetClock) -> None:
    instance_id = first(cloud).id
    answer = caller.dds("POST", f"instances/{instance_id}/db-upgrade", {"is_delayed": True})
    path = f"scheduled-jobs/{answer.document['job_id']}"

    statuses = [caller.dds("DELETE", path).status for _ in range(2)]
    clock.advance(timedelta(days=2))

    assert statuses == [200, 400]
    assert cloud.starts(instance_id) == 0


def test_a_delayed_upgrade_of_a_busy_instance_fails(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    instance_id = first(cloud).id
    caller.dds("POST", f"instances/{instance_id}/db-upgrade", {"is_delayed": True})
    cloud.remove(instance_id)
    clock.advance(timedelta(days=2))

    (failed,) = caller.dds("GET", "scheduled-jobs").document["schedules"]

    assert (failed["job_status"], failed["instance_name"]) == ("Failed", "")


def jobs_of(caller: Caller, more: str) -> dict[str, Any]:
    times = "start_time=2024-01-02T03:00:00%2B0000&end_time=2024-01-02T04:00:00%2B0000"
    return caller.dds("GET", f"jobs?{times}{more}", version="v3.1").document
