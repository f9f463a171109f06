"""Listings of instances and jobs: filters, pages, bounds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.emulated_calls import Caller
from fakes.set_clock import SetClock
from offpeakd.emulator import ORDINARY, Emulator, EmulatorSettings, Mix

SECOND = timedelta(seconds=1)


def ids(caller: Caller, query: str) -> list[str]:
    found = caller.dds("GET", f"instances?{query}").document["instances"]
    return [one["id"] for one in found]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("mode=Sharding", lambda one: one.mode == "Sharding"),
        ("datastore_type=DDS-Community", bool),
        ("datastore_type=Redis", lambda one: not one),
        ("name=%2Aprod", lambda one: "prod" in one.name),
        ("name=shop-prod-001", lambda one: one.name == "shop-prod-001"),
        ("tags=env%3Ddev", lambda one: ("env", "dev") in one.tags),
        (
            "tags=env%3Ddev%2Cteam%3Dmail",
            lambda one: one.tags == (("env", "dev"), ("team", "mail")),
        ),
        ("vpc_id=00000000-0000-4000-8000-000000000001", lambda one: "shop" in one.name),
        ("subnet_id=00000000-0000-4000-9000-000000000002", lambda one: "billing" in one.name),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_filter_lists_what_fits_newest_first(clock: SetClock, query: str, wanted: Any) -> None:
    with Emulator(EmulatorSettings(instances=60), clock) as cloud:
        caller = Caller(cloud, clock)
        found = ids(caller, query)
        caller.close()
        fitting = [one.id for one in cloud.world.instances.values() if wanted(one)]

    assert found == fitting


def test_an_unknown_id_lists_nothing(caller: Caller) -> None:
    answer = caller.dds("GET", f"instances?id={'e' * 32}in02")

    assert answer.document == {"instances": [], "total_count": 0}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", slice(0, 10)),
        ("limit=3", slice(0, 3)),
        ("limit=3&offset=9", slice(9, 10)),
        ("offset=10", slice(10, 10)),
    ],
    ids=["all", "a first page", "a short last page", "past the end"],
)
def test_pages_follow_each_other(
    caller: Caller, cloud: Emulator, query: str, expected: slice
) -> None:
    assert ids(caller, query) == list(cloud.world.instances)[expected]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=ten",
        "offset=-1",
        "mode=Cluster",
        "name=%2A",
        "tags=env",
        "tags=" + "%2C".join(f"k{number}%3Dv" for number in range(21)),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(caller: Caller, query: str) -> None:
    answer = caller.dds("GET", f"instances?{query}")

    assert (answer.status, answer.code) == (400, "DBS.280001")


def test_an_instance_added_is_listed_first(caller: Caller, cloud: Emulator) -> None:
    newest = replace(next(iter(cloud.world.instances.values())), id="a" * 32 + "in02")
    cloud.put(newest)

    assert ids(caller, "limit=1") == [newest.id]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("instances/abc/db-upgrade-duration", 400, "DBS.280404"),
        (f"instances/{'e' * 32}in02/db-upgrade-duration", 404, "DBS.200002"),
    ],
    ids=["malformed", "unknown"],
)
def test_the_duration_of_no_instance_is_refused(
    caller: Caller, path: str, status: int, code: str
) -> None:
    answer = caller.dds("GET", path)

    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start_time": "14:30", "end_time": "18:00"},
        {"start_time": "24:00", "end_time": "18:00"},
        {"start_time": "14:00", "end_time": "14:00"},
        {"start_time": 14, "end_time": 18},
    ],
    ids=["nothing", "half an hour", "no hour", "no length", "numbers"],
)
def test_a_maintenance_window_that_cannot_be_is_refused(
    caller: Caller, cloud: Emulator, body: dict[str, object]
) -> None:
    instance_id = next(iter(cloud.world.instances))
    answer = caller.dds("PUT", f"instances/{instance_id}/maintenance-window", body)

    assert (answer.status, answer.code) == (400, "DBS.280001")


# ------------------------------------------------------------------------------ jobs

HOUR = "start_time=2024-01-02T03:00:00%2B0000&end_time=2024-01-02T04:00:00%2B0000"


def job_instances(caller: Caller, query: str) -> list[str]:
    document = caller.dds("GET", f"jobs?{query}", version="v3.1").document
    return [job["instance_id"] for job in document["jobs"]]


@pytest.fixture
def two_jobs(caller: Caller, cloud: Emulator, clock: SetClock) -> tuple[str, str]:
    """Instances of a job that is done, and of one that runs."""
    old, new, *_ = cloud.world.instances
    caller.upgrade(old)
    clock.advance(timedelta(minutes=9))
    caller.upgrade(new)
    clock.advance(timedelta(minutes=1))
    return old, new


def test_jobs_are_listed_newest_first(caller: Caller, two_jobs: tuple[str, str]) -> None:
    old, new = two_jobs

    assert job_instances(caller, HOUR) == [new, old]
    assert job_instances(caller, f"{HOUR}&limit=1") == [new]
    assert job_instances(caller, f"{HOUR}&offset=1") == [old]
    assert job_instances(caller, f"{HOUR}&status=Completed") == [old]
    assert job_instances(caller, f"{HOUR}&status=Running") == [new]
    assert job_instances(caller, f"{HOUR}&status=Failed") == []
    assert job_instances(caller, f"{HOUR}&name=UpgradeDatabaseVersion") == [new, old]
    assert job_instances(caller, f"{HOUR}&name=RestartInstance") == []
    newest = caller.cloud.world.jobs[-1]
    assert job_instances(caller, f"{HOUR}&id={newest.id}") == [new]


@pytest.mark.parametrize(
    ("start", "end", "listed"),
    [
        ("03:04:05", "03:04:05", 1),
        ("03:04:06", "03:04:07", 0),
        ("03:04:03", "03:04:04", 0),
    ],
    ids=["its very second", "just after", "just before"],
)
def test_the_range_of_time_is_of_creation_and_closed(
    caller: Caller, two_jobs: tuple[str, str], start: str, end: str, listed: int
) -> None:
    times = f"start_time=2024-01-02T{start}%2B0000&end_time=2024-01-02T{end}%2B0000"

    assert job_instances(caller, times) == [two_jobs[0]] * listed


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start_time=2024-01-02T03:00:00%2B0000",
        "start_time=2024-01-02T03:00:00&end_time=2024-01-02T04:00:00",
        "start_time=2024-01-02T04:00:00%2B0000&end_time=2024-01-02T03:00:00%2B0000",
        "start_time=2024-01-01T00:00:00%2B0000&end_time=2024-01-31T00:00:01%2B0000",
        f"{HOUR}&status=Pending",
        f"{HOUR}&limit=101",
    ],
    ids=[
        "no times",
        "no end",
        "no offset",
        "end before start",
        "more than thirty days",
        "unknown status",
        "too many",
    ],
)
def test_a_list_of_jobs_that_cannot_be_is_refused(caller: Caller, query: str) -> None:
    answer = caller.dds("GET", f"jobs?{query}", version="v3.1")

    assert (answer.status, answer.code) == (400, "DBS.280001")


def test_thirty_days_are_allowed(caller: Caller) -> None:
    times = "start_time=2024-01-01T00:00:00%2B0000&end_time=2024-01-31T00:00:00%2B0000"

    assert caller.dds("GET", f"jobs?{times}", version="v3.1").status == 200


def test_an_offset_that_travels_as_a_space_is_refused(caller: Caller) -> None:
    # A `+` that is not written as %2B: the signature, over the decoded text, still fits.
    times = "end_time=2024-01-02T04:00:00+0000&start_time=2024-01-02T03:00:00+0000"

    answer = caller.dds("GET", f"jobs?{times}", version="v3.1")

    assert (answer.status, answer.code) == (400, "DBS.280001")


@pytest.mark.parametrize("query", ["", "?id="], ids=["none", "empty"])
def test_a_job_needs_its_id(caller: Caller, query: str) -> None:
    answer = caller.dds("GET", f"jobs{query}")

    assert (answer.status, answer.code) == (400, "DBS.280001")


# ------------------------------------------------------------------------------ the fleet


def test_the_same_seed_makes_the_same_fleet(clock: SetClock) -> None:
    fleets = []
    for seed in (7, 7, 8):
        with Emulator(EmulatorSettings(instances=30, seed=seed), clock) as cloud:
            fleets.append(cloud.world.instances)

    assert fleets[0] == fleets[1]
    assert fleets[0].keys().isdisjoint(fleets[2])


def test_a_fleet_has_the_oddities_asked_for(clock: SetClock) -> None:
    mix = Mix(busy=0.1, frozen=0.1, abnormal=0.1, single=0.1, current=0.1, failing=0.1)
    with Emulator(EmulatorSettings(instances=20, mix=mix), clock) as cloud:
        fleet = list(cloud.world.instances.values())

    assert sum(one.status == "frozen" for one in fleet) == 2
    assert sum(one.status == "abnormal" and "abnormal" in one.node_states for one in fleet) == 2
    assert sum(one.mode == "Single" and len(one.node_states) == 1 for one in fleet) == 2
    assert sum(bool(one.actions) and one.status == "normal" for one in fleet) == 2
    assert sum(not one.patch_available for one in fleet) == 2
    assert sum(one.fail_reason is not None for one in fleet) == 2


def test_an_ordinary_fleet_has_none(clock: SetClock) -> None:
    with Emulator(EmulatorSettings(instances=20, mix=ORDINARY), clock) as cloud:
        fleet = cloud.world.instances.values()

    assert all(one.patch_available and not one.actions and not one.fail_reason for one in fleet)


@pytest.mark.parametrize(
    ("busy_for", "busy_after_a_minute"),
    [(timedelta(minutes=1), 0), (None, 20)],
    ids=["a minute", "for ever"],
)
def test_other_actions_last_as_long_as_told(
    clock: SetClock, busy_for: timedelta | None, busy_after_a_minute: int
) -> None:
    mix = replace(ORDINARY, busy=1)
    with Emulator(EmulatorSettings(instances=20, mix=mix, busy_for=busy_for), clock) as cloud:
        clock.advance(timedelta(seconds=29))
        early = sum(bool(one.actions) for one in cloud.world.instances.values())
        clock.advance(timedelta(seconds=31))
        late = sum(bool(one.actions) for one in cloud.world.instances.values())

    assert (early, late) == (20, busy_after_a_minute)


def test_jobs_take_as_long_as_told(clock: SetClock) -> None:
    settings = EmulatorSettings(
        instances=50, job_duration=timedelta(seconds=5), job_duration_most=timedelta(seconds=20)
    )
    with Emulator(settings, clock) as cloud:
        times = {one.upgrade_time for one in cloud.world.instances.values()}

    assert len(times) == 50
    assert timedelta(seconds=5) <= min(times) < max(times) <= timedelta(seconds=20)
