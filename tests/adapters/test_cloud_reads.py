"""Reads: paging, tolerance, retries, and the error a person reads."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
import stamina

from fakes.dds_target import ONE, PROJECT, THREE, TWO, cloud_at, open_gate
from fakes.http_server import (
    Drop,
    HttpServer,
    Received,
    Reply,
    Reset,
    Script,
    Step,
    Swallow,
    answer,
    closed_port,
    in_turn,
    targets,
)
from fakes.set_clock import START, SetClock
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudError,
    CloudRefusedError,
    CloudThrottledError,
    CloudUnreachableError,
)
from offpeakd.core.seen import Instance, Job

T = TypeVar("T")
SINCE = datetime(2024, 1, 2, tzinfo=UTC)
UNTIL = datetime(2024, 1, 2, 6, tzinfo=UTC)
EMPTY = answer(200, {"instances": [], "total_count": 0})
FULL = {
    "id": ONE,
    "name": "shop-prod",
    "status": "normal",
    "mode": "ReplicaSet",
    "actions": ["UPGRADE_DATABASE"],
    "datastore": {
        "type": "DDS-Community",
        "version": "4.0",
        "whole_version": "4.0.3.5",
        "patch_available": True,
    },
    "groups": [
        {"nodes": [{"status": "normal"}, {"status": "upgrade_database"}, {"status": "normal"}]},
        {"nodes": [{"status": ""}, {}]},
        {},
    ],
    "tags": [{"key": "env", "value": "prod"}, {"value": "stray"}],
    "a_field_of_tomorrow": {"x": 1},
}


@pytest.fixture(autouse=True)
def retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


def fleet(count: int) -> list[dict[str, object]]:
    return [{"id": f"{number:032x}in02", "status": "normal"} for number in range(count)]


def paged(entries: list[dict[str, object]], name: str = "instances") -> Script:
    """A server that keeps its word on `limit` and `offset`."""

    def script(request: Received) -> Step:
        query = parse_qs(urlsplit(request.target).query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        return answer(200, {name: entries[offset : offset + limit], "total_count": 2})

    return script


def read(script: Script | Step, use: Callable[[DdsCloud], T], requests: int) -> T:
    """What a read gives, after just so many requests."""
    with HttpServer(script) as server:
        cloud = cloud_at(server.url, requests_per_minute=1000)
        try:
            return use(cloud)
        finally:
            cloud.close()
            assert len(server.received) == requests


# ------------------------------------------------------------------ instances


def test_an_instance_is_read_with_all_that_decides() -> None:
    found = read(answer(200, {"instances": [FULL]}), DdsCloud.list_instances, 1)

    assert found == (
        Instance(
            id=ONE,
            seen_at=START,
            name="shop-prod",
            mode="ReplicaSet",
            status="normal",
            actions=("UPGRADE_DATABASE",),
            version="4.0",
            whole_version="4.0.3.5",
            patch_available=True,
            node_states=("normal", "upgrade_database"),
            tags={"env": "prod"},
        ),
    )


def test_a_region_that_tells_less_is_understood() -> None:
    entry = {"id": ONE, "actions": None, "groups": None, "tags": None, "datastore": None}

    found = read(answer(200, {"instances": [entry]}), DdsCloud.list_instances, 1)

    assert found == (Instance(id=ONE, seen_at=START, status=""),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("False", False), ("?", None), (1, None)],
)
def test_whether_a_patch_is_there_is_told_or_unknown(value: object, expected: bool | None) -> None:
    entry = {"id": ONE, "datastore": {"patch_available": value}}

    (found,) = read(answer(200, {"instances": [entry]}), DdsCloud.list_instances, 1)

    assert found.patch_available is expected


@pytest.mark.parametrize(
    ("count", "requests"),
    [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (250, 3)],
)
def test_every_page_is_read_up_to_the_first_short_one(count: int, requests: int) -> None:
    found = read(paged(fleet(count)), DdsCloud.list_instances, requests)

    assert [instance.id for instance in found] == [str(entry["id"]) for entry in fleet(count)]


def test_a_server_that_ignores_offset_is_asked_once_more_and_believed() -> None:
    found = read(answer(200, {"instances": fleet(100)}), DdsCloud.list_instances, 2)

    assert len(found) == 100


def test_a_server_that_ignores_limit_is_believed() -> None:
    entries = fleet(250)

    def script(request: Received) -> Step:
        offset = int(parse_qs(urlsplit(request.target).query)["offset"][0])
        return answer(200, {"instances": entries[offset:]})

    assert len(read(script, DdsCloud.list_instances, 2)) == 250


def test_an_instance_created_between_two_pages_makes_none_come_twice() -> None:
    entries = fleet(150)
    script = in_turn(
        answer(200, {"instances": entries[:100]}), answer(200, {"instances": entries[99:149]})
    )

    found = read(script, DdsCloud.list_instances, 2)

    assert len(found) == len({instance.id for instance in found}) == 149


def test_a_listing_without_an_end_is_given_up() -> None:
    numbers = iter(range(200_000))

    def script(_: Received) -> Step:
        page = [{"id": f"{next(numbers):032x}in02"} for _ in range(100)]
        return answer(200, {"instances": page})

    with HttpServer(script) as server:
        cloud = cloud_at(server.url, requests_per_minute=10_000)
        with pytest.raises(CloudError, match="there are more than 300 pages"):
            cloud.list_instances()
        cloud.close()


def test_one_instance_is_asked_for_by_its_id() -> None:
    with HttpServer(answer(200, {"instances": [FULL]})) as server:
        cloud = cloud_at(server.url)
        found = cloud.find_instance(ONE)
        cloud.close()

    assert found is not None
    assert found.id == ONE
    assert targets(server.received) == [f"GET /v3/{PROJECT}/instances?id={ONE}"]


@pytest.mark.parametrize(
    "step",
    [
        EMPTY,
        answer(400, {"error_code": "DBS.280110", "error_msg": "m"}),
        answer(404, {"error_code": "DBS.200002", "error_msg": "m"}),
        answer(403, {"error_code": "DBS.201028", "error_msg": "m"}),
    ],
    ids=["an empty list", "280110", "200002", "201028"],
)
def test_an_instance_that_the_cloud_does_not_know_is_none(step: Step) -> None:
    assert read(step, lambda cloud: cloud.find_instance(ONE), 1) is None


@pytest.mark.parametrize(("wanted", "known"), [(f"{149:032x}in02", True), (TWO, False)])
def test_a_server_that_ignores_the_id_is_searched_page_by_page(wanted: str, known: bool) -> None:
    entries = fleet(150)

    def script(request: Received) -> Step:
        return (
            paged(entries)(request)
            if "offset" in request.target
            else answer(200, {"instances": entries[:100]})
        )

    found = read(script, lambda cloud: cloud.find_instance(wanted), 3)

    assert (found is not None) == known


# ------------------------------------------------------------------ jobs


def test_a_page_of_jobs_is_asked_for_with_the_plus_escaped() -> None:
    with HttpServer(answer(200, {"jobs": []})) as server:
        cloud = cloud_at(server.url)
        page = cloud.list_jobs(SINCE, UNTIL, 200)
        cloud.close()

    assert (page.jobs, page.full) == ((), False)
    (request,) = server.received
    assert request.target == (
        f"/v3.1/{PROJECT}/jobs?end_time=2024-01-02T06%3A00%3A00%2B0000&limit=100"
        "&name=UpgradeDatabaseVersion&offset=200&start_time=2024-01-02T00%3A00%3A00%2B0000"
    )


def test_listed_jobs_are_read_with_their_own_names() -> None:
    entry = {
        "id": "j-1",
        "name": "UpgradeDatabaseVersion",
        "instance_id": ONE,
        "status": "Failed",
        "progress": "9%",
        "fail_reason": "disk",
        "created_at": "2024-01-02T03:04:05+0000",
        "ended_at": "2024-01-02T11:14:05+0800",
    }

    page = read(answer(200, {"jobs": [entry]}), lambda cloud: cloud.list_jobs(SINCE, UNTIL, 0), 1)

    assert page.jobs == (
        Job(
            id="j-1",
            instance_id=ONE,
            status="Failed",
            created_at=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
            ended_at=datetime(2024, 1, 2, 3, 14, 5, tzinfo=UTC),
            progress="9%",
            fail_reason="disk",
        ),
    )


def test_jobs_of_another_kind_are_left_out_but_fill_the_page() -> None:
    entries: list[dict[str, object]] = [{"id": "b", "name": "BackupInstance", "status": "Running"}]
    entries += [{"id": f"j-{number}", "status": "Running"} for number in range(99)]

    page = read(answer(200, {"jobs": entries}), lambda cloud: cloud.list_jobs(SINCE, UNTIL, 0), 1)

    assert len(page.jobs) == 99
    assert page.full


def test_one_job_is_read_with_its_own_names() -> None:
    job = {
        "id": "j-1",
        "name": "UpgradeDatabaseVersion",
        "status": "Running",
        "created": "2024-01-02T03:04:05",
        "ended": "",
        "progress": "9%",
        "instance": {"id": ONE, "name": "shop"},
        "fail_reason": None,
    }

    found = read(answer(200, {"job": job}), lambda cloud: cloud.find_job("j-1"), 1)

    assert found == Job(
        id="j-1",
        instance_id=ONE,
        status="Running",
        created_at=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        progress="9%",
    )


def test_a_job_that_names_no_instance_is_a_job_all_the_same() -> None:
    found = read(
        answer(200, {"job": {"id": "j-1", "status": "Completed"}}),
        lambda cloud: cloud.find_job("j-1"),
        1,
    )

    assert found == Job(id="j-1", instance_id="", status="Completed")


@pytest.mark.parametrize(
    "step",
    [
        answer(200, {"job": None}),
        answer(200, {}),
        answer(400, {"error_code": "DBS.280001", "error_msg": "m"}),
        answer(404, {"error_code": "DBS.280016", "error_msg": "m"}),
        answer(404, {"error_code": "DBS.999999", "error_msg": "m"}),
        answer(400, {}),
        Reply(404),
    ],
    ids=["null", "nothing", "parameter", "no resource", "unknown code", "no code", "bare 404"],
)
def test_a_job_that_does_not_show_is_none(step: Step) -> None:
    assert read(step, lambda cloud: cloud.find_job("j-1"), 1) is None


# ------------------------------------------------------------------ the estimate


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            answer(
                200,
                {
                    "strategies": [
                        {"strategy": "minimized_interrupt_time", "estimated_upgrade_duration": 12},
                        {"strategy": "minimized_upgrade_time", "estimated_upgrade_duration": 6},
                    ]
                },
            ),
            6,
        ),
        (answer(200, {"strategies": [{"strategy": "minimized_upgrade_time"}]}), None),
        (answer(200, {"strategies": ["x"]}), None),
        (answer(200, {}), None),
        (answer(404, {"error_code": "APIGW.0101", "error_msg": "m"}), None),
        (answer(403, {"error_code": "DBS.280032", "error_msg": "m"}), None),
    ],
    ids=["told", "no minutes", "odd", "nothing", "a region without it", "not permitted"],
)
def test_the_estimate_is_of_the_quickest_method_and_a_courtesy(
    step: Step, expected: int | None
) -> None:
    assert read(step, lambda cloud: cloud.upgrade_minutes(ONE), 1) == expected


def test_an_estimate_is_asked_for_real_ids_only() -> None:
    cloud = cloud_at("http://127.0.0.1:1")

    with pytest.raises(ValueError, match="is not a DDS instance id"):
        cloud.upgrade_minutes("../../jobs")
    cloud.close()


# ------------------------------------------------------------------ odd answers


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (Reply(200, b"<html>"), "it is no JSON object"),
        (Reply(200, b""), "it is no JSON object"),
        (answer(200, []), "it is no JSON object"),
        (answer(200, {}), "there is no list `instances`"),
        (answer(200, {"instances": {}}), "there is no list `instances`"),
        (answer(200, {"instances": ["x"]}), "an entry of `instances` is not an object"),
        (answer(200, {"instances": [{}]}), "an instance has no `id`"),
        (answer(200, {"instances": [{"id": 5}]}), "an instance has no `id`"),
        (
            answer(200, {"instances": [{"id": ONE, "actions": "x"}]}),
            "`actions` of an instance is not a list",
        ),
    ],
)
def test_an_odd_answer_is_an_error_that_names_what_is_odd(step: Step, what: str) -> None:
    with pytest.raises(CloudError) as caught:
        read(step, DdsCloud.list_instances, 1)

    assert caught.value.message == (
        f"target prod-eu: can't list instances: the answer is odd: {what}"
    )


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"job": "x"}, "`job` is not an object"),
        ({"job": {"id": "j"}}, "a job has no `status`"),
        ({"job": {"id": "j", "status": "x", "created": "yesterday"}}, "'yesterday' is no time"),
    ],
)
def test_an_odd_job_is_an_error_that_names_what_is_odd(document: object, what: str) -> None:
    with pytest.raises(CloudError, match="can't show a job: the answer is odd") as caught:
        read(answer(200, document), lambda cloud: cloud.find_job("j"), 1)

    assert what in caught.value.message


def test_a_redirect_is_not_followed() -> None:
    with HttpServer(EMPTY) as elsewhere:
        step = Reply(302, b"", {"Location": f"{elsewhere.url}/v3/x/instances"})
        with pytest.raises(CloudError, match="can't list instances: 302"):
            read(step, DdsCloud.list_instances, 1)

        assert elsewhere.received == []


# ------------------------------------------------------------------ retries


@pytest.mark.parametrize(
    "step", [Drop(), Reset(), Reply(500), Reply(502, b"<html>"), Reply(200, b"{}", cut=1)]
)
def test_a_read_that_passes_at_the_third_try_is_answered(step: Step) -> None:
    assert read(in_turn(step, step, EMPTY), DdsCloud.list_instances, 3) == ()


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Drop(), "the connection broke"),
        (Reply(500), "can't list instances: 500 (fix: none)"),
        (answer(503, {"error_code": "DBS.280005", "error_msg": "ouch"}), "503 DBS.280005 ouch"),
        (Reply(200, b"x" * 100, {"Content-Length": "200"}, close=True), "the connection broke"),
    ],
    ids=["dropped", "no body", "named", "cut"],
)
def test_a_read_that_fails_three_times_finds_the_cloud_unreachable(step: Step, why: str) -> None:
    with pytest.raises(CloudUnreachableError) as caught:
        read(step, DdsCloud.list_instances, 3)

    assert why.removesuffix(" (fix: none)") in caught.value.message


def test_silence_is_given_up_after_three_tries() -> None:
    with HttpServer(Swallow()) as server:
        cloud = cloud_at(server.url, read_timeout=timedelta(milliseconds=30))
        with pytest.raises(CloudUnreachableError, match=r"nothing came for 0\.03 s"):
            cloud.list_instances()
        cloud.close()

    assert len(server.received) == 3


def test_a_closed_port_is_named_with_a_way_out() -> None:
    cloud = cloud_at(f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(CloudUnreachableError) as caught:
        cloud.list_instances()
    cloud.close()

    assert "Connection refused" in caught.value.message
    assert caught.value.fix.startswith("Check network, DNS and `endpoint`")


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("use", "action"),
    [
        (DdsCloud.list_instances, "dds:instance:list"),
        (lambda cloud: cloud.find_instance(ONE), "dds:instance:list"),
        (lambda cloud: cloud.list_jobs(SINCE, UNTIL, 0), "dds:task:listAll"),
        (lambda cloud: cloud.find_job("j"), "dds:task:getDetail"),
    ],
    ids=["list", "find", "jobs", "job"],
)
def test_a_missing_permission_is_named_with_the_target(
    use: Callable[[DdsCloud], object], action: str
) -> None:
    step = answer(403, {"error_code": "DBS.280032", "error_msg": "no\npermission"})

    with pytest.raises(CloudDeniedError) as caught:
        read(step, use, 1)

    assert caught.value.code == "DBS.280032"
    assert caught.value.message.startswith("target prod-eu: can't ")
    assert caught.value.message.endswith(": 403 DBS.280032 no permission (request req-1)")
    assert caught.value.fix == f"Give the key's user the permission {action} in this project."


@pytest.mark.parametrize(
    ("date", "fix"),
    [
        ({}, "Check the key or token and that it belongs to this region; after five"),
        ({"Date": "Tue, 02 Jan 2024 03:04:05 GMT"}, "Check the key or token"),
        ({"Date": "Tue, 02 Jan 2024 02:44:05 GMT"}, "Set this machine's clock: it is 1201 s ahead"),
        (
            {"Date": "Tue, 02 Jan 2024 03:24:05 GMT"},
            "Set this machine's clock: it is 1199 s behind",
        ),
    ],
    ids=["unknown", "right", "ahead", "behind"],
)
def test_a_refused_signature_looks_at_the_clock_first(date: dict[str, str], fix: str) -> None:
    step = Reply(401, b'{"error_code": "APIG.0301", "error_msg": "signature"}', date)

    with pytest.raises(CloudDeniedError) as caught:
        read(step, DdsCloud.list_instances, 1)

    assert caught.value.code == "APIGW.0301"
    assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(
    "step",
    [
        answer(404, {"error_code": "APIGW.0101", "error_msg": "m"}),
        Reply(404),
        answer(400, {"error_code": "DBS.280408", "error_msg": "m"}),
    ],
    ids=["no such API", "no code", "project id"],
)
def test_a_wrong_address_points_at_the_configuration(step: Step) -> None:
    with pytest.raises(CloudDeniedError) as caught:
        read(step, DdsCloud.list_instances, 1)

    assert caught.value.fix == (
        "Check the target's `region`, `endpoint` and `project_id`; they belong together."
    )


def test_being_throttled_is_passed_on_at_once() -> None:
    step = answer(429, {"error_code": "APIGW.0308", "error_msg": "m"}, Retry_After="9")

    with pytest.raises(CloudThrottledError) as caught:
        read(step, DdsCloud.list_instances, 1)

    assert caught.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "DBS.200019"), (400, "DBS.280001"), (418, "HTTP.418")]
)
def test_any_other_refusal_is_a_definite_no(status: int, code: str) -> None:
    document = {} if code.startswith("HTTP") else {"error_code": code, "error_msg": "m"}

    with pytest.raises(CloudRefusedError) as caught:
        read(answer(status, document), DdsCloud.list_instances, 1)

    assert (caught.value.code, caught.value.status) == (code, status)


def test_long_foreign_text_is_cut_in_a_message() -> None:
    step = answer(418, {"error_code": "X.1", "error_msg": "\x1b[31m" + "y" * 5000})

    with pytest.raises(CloudRefusedError) as caught:
        read(step, DdsCloud.list_instances, 1)

    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


# ------------------------------------------------------------------ the clock


def test_the_clock_is_compared_with_each_answer() -> None:
    clock = SetClock(datetime(2024, 1, 2, 3, 4, 10, tzinfo=UTC))
    script = in_turn(
        answer(200, {"instances": []}, Date="Tue, 02 Jan 2024 03:04:00 GMT"),
        answer(202, {}, Date="Tue, 02 Jan 2024 03:04:30 GMT"),
        answer(200, {"instances": []}, Date="no date"),
    )
    with HttpServer(script) as server:
        cloud = cloud_at(server.url, clock)
        before = cloud.clock_offset()
        cloud.list_instances()
        after_read = cloud.clock_offset()
        cloud.send(cloud.sign_upgrade([THREE]), open_gate)
        after_call = cloud.clock_offset()
        cloud.list_instances()
        kept = cloud.clock_offset()
        cloud.close()

    assert before is None
    assert after_read == timedelta(seconds=10)
    assert after_call == kept == timedelta(seconds=-20)


def test_a_step_of_our_clock_shows_without_another_answer() -> None:
    clock = SetClock(datetime(2024, 1, 2, 3, 4, 0, tzinfo=UTC))
    with HttpServer(answer(200, {"instances": []}, Date="Tue, 02 Jan 2024 03:04:00 GMT")) as server:
        cloud = cloud_at(server.url, clock)
        cloud.list_instances()
        clock.advance(timedelta(hours=5))
        after_hours = cloud.clock_offset()
        clock.set_back(timedelta(hours=2))
        after_step = cloud.clock_offset()
        cloud.close()

    assert after_hours == timedelta(0)
    assert after_step == timedelta(hours=-2)
