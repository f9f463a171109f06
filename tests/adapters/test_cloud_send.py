"""Every row of what an answer to the upgrade call proves, over real connections."""

import json
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.dds_target import ONE, THREE, TWO, cloud_at, open_gate
from fakes.http_server import (
    Drop,
    HttpServer,
    Received,
    Reply,
    Reset,
    Step,
    Swallow,
    answer,
    closed_port,
    targets,
)
from fakes.set_clock import START, SetClock
from offpeakd.core.outcomes import (
    Accepted,
    CloudProblem,
    ErrorKind,
    NotSent,
    Outcome,
    Refused,
    Unclear,
)
from offpeakd.ports import UpgradeAnswer

JOB = "e4616470-733d-41de-a9b0-a260709293d3"
OTHER_JOB = "00000000-733d-41de-a9b0-a260709293d3"
BUSY = {"error_code": "DBS.200011", "error_message": "The state does not allow it."}


def results(*entries: object, **headers: str) -> Reply:
    return answer(202, {"upgrade_results": entries}, **headers)


def sent_to(step: Step, *ids: str, clock: SetClock | None = None, **changes: Any) -> UpgradeAnswer:
    with HttpServer(step) as server:
        cloud = cloud_at(server.url, clock, **changes)
        said = cloud.send(cloud.sign_upgrade(ids or (ONE, TWO)), open_gate)
        cloud.close()

    assert targets(server.received) == [
        "POST /v3/0123456789abcdef0123456789abcdef/instances/db-upgrade"
    ]
    return said


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"job_id": JOB}, Accepted(JOB)),
        (
            BUSY,
            Refused(
                CloudProblem("DBS.200011", "The state does not allow it.", ErrorKind.RETRY, 202)
            ),
        ),
        (
            {"error_code": "DBS.05000008", "error_msg": "latest"},
            Refused(CloudProblem("DBS.05000008", "latest", ErrorKind.DONE, 202)),
        ),
        (
            {"error_code": "DBS.280005"},
            Refused(CloudProblem("DBS.280005", "", ErrorKind.RETRY, 202)),
        ),
        (
            {"error_code": "DBS.999999", "error_message": "new"},
            Refused(CloudProblem("DBS.999999", "new", ErrorKind.RETRY, 202)),
        ),
        (
            {"error_code": "DBS.280001"},
            Refused(CloudProblem("DBS.280001", "", ErrorKind.PERMANENT, 202)),
        ),
        (
            {"job_id": JOB, **BUSY},
            Unclear("the answer has both a job and an error for the instance"),
        ),
        ({}, Unclear("the answer has neither a job nor an error for the instance")),
        (
            {"job_id": "", "error_code": ""},
            Unclear("the answer has neither a job nor an error for the instance"),
        ),
        (
            {"job_id": 7},
            Unclear("the answer has neither a job nor an error for the instance"),
        ),
        (
            {"job_id": None, "error_code": 5},
            Unclear("the answer has neither a job nor an error for the instance"),
        ),
    ],
    ids=[
        "a job",
        "busy",
        "already the latest",
        "server error of one instance",
        "unknown code",
        "parameter of one instance",
        "both",
        "neither",
        "empty both",
        "a number for a job",
        "a number for a code",
    ],
)
def test_each_entry_of_a_202_speaks_for_its_instance(
    entry: dict[str, object], expected: Outcome
) -> None:
    said = sent_to(
        results({"instance_id": TWO, "job_id": OTHER_JOB}, {"instance_id": ONE, **entry})
    )

    assert said.outcomes == {ONE: expected, TWO: Accepted(OTHER_JOB)}
    assert said.result.outcome == "answered"
    assert said.result.http_status == 202


def test_an_instance_that_the_answer_leaves_out_is_unclear() -> None:
    said = sent_to(results({"instance_id": ONE, "job_id": JOB}))

    assert said.outcomes == {
        ONE: Accepted(JOB),
        TWO: Unclear("the answer does not name the instance"),
    }


def test_equal_entries_for_an_instance_count_once() -> None:
    entry = {"instance_id": ONE, "job_id": JOB}

    assert sent_to(results(entry, entry), ONE).outcomes == {ONE: Accepted(JOB)}


@pytest.mark.parametrize("other", [{"job_id": OTHER_JOB}, BUSY], ids=["another job", "an error"])
def test_different_entries_for_an_instance_leave_it_unclear(other: dict[str, object]) -> None:
    said = sent_to(results({"instance_id": ONE, "job_id": JOB}, {"instance_id": ONE, **other}), ONE)

    assert said.outcomes == {
        ONE: Unclear("the answer names the instance twice, with different results")
    }


def test_entries_that_name_no_instance_of_the_call_are_told_apart() -> None:
    said = sent_to(
        results({"instance_id": ONE, "job_id": JOB}, {"instance_id": THREE, "job_id": OTHER_JOB}),
        ONE,
    )

    assert said.outcomes == {ONE: Accepted(JOB)}
    assert said.foreign_ids == (THREE,)


@pytest.mark.parametrize(
    "entries",
    [["text", None, 5], [{"job_id": JOB}], [{"instance_id": 5, "job_id": JOB}]],
    ids=["no objects", "no id", "a number for an id"],
)
def test_entries_without_an_instance_prove_nothing(entries: list[object]) -> None:
    said = sent_to(results(*entries), ONE)

    assert said.outcomes == {ONE: Unclear("the answer does not name the instance")}


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Reply(202), "the cloud answered 202, but the answer is no JSON"),
        (Reply(202, b"<html>"), "the cloud answered 202, but the answer is no JSON"),
        (Reply(202, b"[1]"), "the cloud answered 202, but the answer is no JSON"),
        (Reply(202, b"[" * 100_000), "the cloud answered 202, but the answer is no JSON"),
        (Reply(202, b'{"upgrade_results": [', sized=False), "or the answer has no end"),
        (answer(202, {}), "the cloud answered 202, but the answer has no results"),
        (answer(202, {"upgrade_results": None}), "the answer has no results"),
        (answer(202, {"upgrade_results": []}), "the answer has no results"),
        (answer(202, {"upgrade_results": {"a": 1}}), "the answer has no results"),
        (answer(200, {"upgrade_results": [{"instance_id": ONE, "job_id": JOB}]}), "answered 200"),
        (answer(201, {}), "answered 201"),
        (Reply(204), "answered 204"),
        (Reply(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "answered 302"),
        (Reply(307, b"", {"Location": "/v3/x"}), "answered 307"),
        (answer(500, {"error_code": "DBS.280005", "error_msg": "x"}), "500 DBS.280005"),
        (answer(500, {"error_code": "DBS.200011", "error_msg": "x"}), ""),
        (answer(502, {"error_code": "APIGW.0201", "error_msg": "x"}), "502 APIGW.0201"),
        (answer(503, {"error_code": "APIGW.0999"}), "503 APIGW.0999"),
        (Reply(503), "503 HTTP.503"),
        (Reply(504, b"<html>"), "504 HTTP.504"),
        (Reply(408), "408 HTTP.408"),
        (answer(499, {"error_code": "DBS.200011"}), "499 DBS.200011"),
        (Drop(), "the connection broke"),
        (Reset(), "the connection broke"),
        (Reply(202, b'{"upgrade_results": []}', cut=9), "the connection broke"),
        (Reply(202, b"x" * (1024 * 1024 + 1)), "the answer is longer than 1048576 bytes"),
        (Reply(0), "the connection broke"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_whatever_proves_nothing_leaves_every_instance_unclear(step: Step, why: str) -> None:
    said = sent_to(step)

    assert list(said.outcomes) == [ONE, TWO]
    for outcome in said.outcomes.values():
        assert isinstance(outcome, Unclear)
        assert why in outcome.why
    assert said.result.outcome == "unclear"
    assert said.result.sent_at == START
    assert said.problem is None


def test_silence_after_the_call_leaves_it_unclear() -> None:
    said = sent_to(Swallow(), ONE, read_timeout=timedelta(milliseconds=50))

    assert said.result.outcome == "unclear"
    assert said.result.message is not None
    assert said.result.message.endswith("nothing came for 0.05 s")


def test_an_answer_of_just_the_longest_size_is_read() -> None:
    padded = results({"instance_id": ONE, "job_id": JOB})
    body = padded.body.ljust(1024 * 1024)

    assert sent_to(Reply(202, body), ONE).outcomes == {ONE: Accepted(JOB)}


@pytest.mark.parametrize(
    ("status", "document", "code", "kind"),
    [
        (400, {"error_code": "DBS.280001", "error_msg": "m"}, "DBS.280001", ErrorKind.PARAMETER),
        (400, {"error_code": "DBS.777777", "error_msg": "m"}, "DBS.777777", ErrorKind.PARAMETER),
        (400, {"error_code": "DBS.280110", "error_msg": "m"}, "DBS.280110", ErrorKind.PARAMETER),
        (
            400,
            {"error_code": "DBS.05000008", "error_msg": "m"},
            "DBS.05000008",
            ErrorKind.PARAMETER,
        ),
        (400, {"error_code": "DBS.200047", "error_msg": "m"}, "DBS.200047", ErrorKind.RETRY),
        (403, {"error_code": "DBS.200019", "error_msg": "m"}, "DBS.200019", ErrorKind.RETRY),
        (409, {"error_code": "DBS.777777", "error_msg": "m"}, "DBS.777777", ErrorKind.RETRY),
        (401, {"error_code": "APIG.0301", "error_msg": "m"}, "APIGW.0301", ErrorKind.AUTH),
        (401, {"error": {"code": 401, "message": "m"}}, "HTTP.401", ErrorKind.AUTH),
        (
            400,
            {"error_code": "DBS.280408", "error_msg": "m"},
            "DBS.280408",
            ErrorKind.CONFIGURATION,
        ),
        (
            404,
            {"error_code": "APIGW.0101", "error_msg": "m"},
            "APIGW.0101",
            ErrorKind.CONFIGURATION,
        ),
        (404, {}, "HTTP.404", ErrorKind.CONFIGURATION),
        (405, {}, "HTTP.405", ErrorKind.CONFIGURATION),
        (413, {"error_code": "APIGW.0201", "error_msg": "m"}, "APIGW.0201", ErrorKind.PARAMETER),
        (414, {}, "HTTP.414", ErrorKind.PARAMETER),
        (429, {"error_code": "DBS.280443", "error_msg": "m"}, "DBS.280443", ErrorKind.THROTTLED),
        (503, {"error_code": "APIG.0613", "error_msg": "m"}, "APIGW.0613", ErrorKind.RETRY),
    ],
)
def test_a_whole_refusal_refuses_every_instance(
    status: int, document: object, code: str, kind: ErrorKind
) -> None:
    said = sent_to(answer(status, document))

    assert said.problem is not None
    assert (said.problem.code, said.problem.kind, said.problem.status) == (code, kind, status)
    assert said.outcomes == {ONE: Refused(said.problem), TWO: Refused(said.problem)}
    assert said.result.outcome == "refused"
    assert said.result.error_code == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DBS.280110", ErrorKind.PERMANENT),
        ("DBS.05000008", ErrorKind.DONE),
        ("DBS.280001", ErrorKind.PARAMETER),
    ],
)
def test_a_whole_refusal_of_a_lone_instance_is_about_that_instance(
    code: str, kind: ErrorKind
) -> None:
    said = sent_to(answer(400, {"error_code": code, "error_msg": "m"}), ONE)

    assert said.problem == CloudProblem(code, "m", kind, 400)


def test_a_missing_permission_is_named() -> None:
    said = sent_to(answer(403, {"error_code": "DBS.280032", "error_msg": "denied"}))

    assert said.problem is not None
    assert said.problem.message == (
        "denied (the call needs the permission dds:instance:batchUpgradeDatabaseVersion)"
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"Retry-After": "99999999999999"}, timedelta(days=1)),
        (
            {
                "Retry-After": "Tue, 02 Jan 2024 03:05:00 GMT",
                "Date": "Tue, 02 Jan 2024 03:04:30 GMT",
            },
            timedelta(seconds=30),
        ),
        ({"Retry-After": "Tue, 02 Jan 2024 03:00:00 GMT"}, timedelta(0)),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
    ids=["seconds", "far too many", "an instant", "a past instant", "unreadable", "unsaid"],
)
def test_being_throttled_tells_when_to_come_back(
    header: dict[str, str], expected: timedelta | None
) -> None:
    said = sent_to(Reply(429, b'{"error_code": "APIGW.0308", "error_msg": "m"}', header))

    assert said.retry_after == expected


def test_what_support_asks_for_is_kept() -> None:
    step = results(
        {"instance_id": ONE, "job_id": JOB},
        Date="Tue, 02 Jan 2024 03:04:00 GMT",
        X_Request_Id="r-9",
    )

    said = sent_to(step, ONE)

    assert said.result.cloud_request_id == "r-9"
    assert said.cloud_time == datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
    assert json.loads(said.result.answer or "") == json.loads(step.body)


def test_what_support_asks_for_may_be_named_in_the_body() -> None:
    document = {"upgrade_results": [{"instance_id": ONE, "job_id": JOB}], "request_id": "r-9"}

    said = sent_to(answer(202, document, X_Request_Id=""), ONE)

    assert said.result.cloud_request_id == "r-9"


def test_of_a_long_answer_the_beginning_is_kept() -> None:
    said = sent_to(Reply(500, "é".encode() * 20_000))

    assert said.result.answer == "é" * 8192


@pytest.mark.parametrize("port", [1, None], ids=["a port of nobody's", "a port just closed"])
def test_a_connection_that_fails_proves_the_call_unsent(port: int | None) -> None:
    cloud = cloud_at(f"http://127.0.0.1:{port or closed_port()}")

    said = cloud.send(cloud.sign_upgrade([ONE, TWO]), open_gate)
    cloud.close()

    assert said.result.outcome == "not_sent"
    assert said.result.sent_at is None
    assert all(isinstance(outcome, NotSent) for outcome in said.outcomes.values())
    assert "Connection refused" in (said.result.message or "")


def test_a_name_that_does_not_resolve_proves_the_call_unsent() -> None:
    cloud = cloud_at("http://no-such-host.invalid:9")

    said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
    cloud.close()

    assert said.result.outcome == "not_sent"


def test_a_connection_reset_before_the_call_may_still_have_taken_it() -> None:
    with HttpServer(Reply(), reset_at_once=True) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()

    assert said.result.outcome in {"unclear", "not_sent"}
    assert (said.result.outcome == "not_sent") == (said.result.sent_at is None)


def test_a_host_that_does_not_take_the_connection_in_time_proves_the_call_unsent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        # A full queue of connections nobody accepts: the kernel leaves further ones waiting.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        cloud = cloud_at(f"http://127.0.0.1:{port}", connect_timeout=timedelta(milliseconds=50))
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()
        for one in waiting:
            one.close()

    assert said.outcomes == {ONE: NotSent(f"127.0.0.1:{port}: no connection within 0.05 s")}


def test_a_call_that_is_no_http_is_never_written_and_its_text_not_repeated() -> None:
    with HttpServer(results()) as server:
        cloud = cloud_at(server.url)
        call = cloud.sign_upgrade([ONE])
        broken = replace(call, headers={**call.headers, "X-Auth-Token": "canary\nX: y"})
        said = cloud.send(broken, open_gate)
        cloud.close()
        server.drain()
        why = f"127.0.0.1:{server.port}: the request can't be written as HTTP"

    assert said.outcomes == {ONE: NotSent(why)}
    assert server.bytes_seen == 0


def test_a_closed_target_sends_nothing() -> None:
    with HttpServer(results()) as server:
        cloud = cloud_at(server.url)
        call = cloud.sign_upgrade([ONE])
        cloud.close()
        said = cloud.send(call, open_gate)

    assert said.outcomes == {ONE: NotSent("the program is stopping")}
    assert server.received == []


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_veto_of_the_gate_keeps_every_byte_back(*, warm: bool) -> None:
    with HttpServer(answer(200, {"instances": []})) as server:
        cloud = cloud_at(server.url)
        if warm:
            cloud.list_instances()
        before = server.bytes_seen
        said = cloud.send(cloud.sign_upgrade([ONE, TWO]), lambda: "the window has closed")
        cloud.close()
        server.drain()

    assert (server.connections, server.bytes_seen) == (1, before)
    assert said.outcomes == dict.fromkeys([ONE, TWO], NotSent("the window has closed"))
    assert said.result.outcome == "not_sent"
    assert said.result.sent_at is None


def test_the_gate_is_asked_once_and_after_the_connection_stands() -> None:
    asked: list[int] = []
    with HttpServer(results({"instance_id": ONE, "job_id": JOB})) as server:
        cloud = cloud_at(server.url)
        cloud.send(cloud.sign_upgrade([ONE]), lambda: asked.append(server.bytes_seen))
        cloud.close()

    assert asked == [0]


def test_a_gate_that_breaks_lets_nothing_through() -> None:
    def broken() -> str | None:
        raise LookupError("the store is gone")

    with HttpServer(results()) as server:
        cloud = cloud_at(server.url)
        with pytest.raises(LookupError):
            cloud.send(cloud.sign_upgrade([ONE]), broken)
        cloud.close()
        server.drain()

    assert server.bytes_seen == 0


def test_a_call_that_was_not_sent_costs_nothing_of_the_budget() -> None:
    with HttpServer(results({"instance_id": ONE, "job_id": JOB})) as server:
        cloud = cloud_at(server.url, requests_per_minute=1)
        call = cloud.sign_upgrade([ONE])
        cloud.send(call, lambda: "not yet")
        said = cloud.send(call, open_gate)
        cloud.close()

    assert said.outcomes == {ONE: Accepted(JOB)}


def test_a_call_beyond_the_budget_is_not_sent_and_tells_when_it_may_be() -> None:
    with HttpServer(results({"instance_id": ONE, "job_id": JOB})) as server:
        clock = SetClock()
        cloud = cloud_at(server.url, clock, requests_per_minute=1)
        call = cloud.sign_upgrade([ONE])
        cloud.send(call, open_gate)
        clock.advance(timedelta(seconds=20))
        said = cloud.send(call, open_gate)
        cloud.close()

    assert said.outcomes == {ONE: NotSent("the target's 1 calls a minute are used up")}
    assert said.retry_after == timedelta(seconds=40, milliseconds=1)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ([], "takes 1 to 10 instances, not 0"),
        ([f"{number:032x}in02" for number in range(11)], "takes 1 to 10 instances, not 11"),
        ([ONE, ONE], "names each instance once"),
        (["../jobs"], "takes ids of instances only"),
    ],
    ids=["none", "eleven", "one twice", "no id"],
)
def test_a_call_that_could_not_be_right_is_a_defect_of_the_caller(ids: list[str], why: str) -> None:
    cloud = cloud_at("http://127.0.0.1:1")

    with pytest.raises(ValueError, match=why):
        cloud.sign_upgrade(ids)
    cloud.close()


def test_ten_instances_are_one_call() -> None:
    ids = [f"{number:032x}in02" for number in range(10)]

    said = sent_to(results(*({"instance_id": name, "job_id": f"j-{name}"} for name in ids)), *ids)

    assert said.outcomes == {name: Accepted(f"j-{name}") for name in ids}


def test_the_signature_carries_the_instant_that_is_stored() -> None:
    cloud = cloud_at("http://127.0.0.1:1")

    call = cloud.sign_upgrade([ONE])
    cloud.close()

    assert call.headers["X-Sdk-Date"] == "20240102T030405Z"
    assert call.signed_at == START.replace(microsecond=0)
    assert call.fenced


def test_text_that_no_database_takes_is_mended_where_it_comes_in() -> None:
    torn = b'{"error_code": "DBS.280001", "error_msg": "cut \\ud83d, zero \\u0000, whole \\ud83d\\ude00"}'

    said = sent_to(Reply(400, torn + b"\0"))
    assert said.result.answer is not None
    assert "\0" not in said.result.answer

    said = sent_to(Reply(400, torn))
    assert said.problem is not None
    assert said.problem.message == "cut ?, zero \ufffd, whole \U0001f600"


def test_what_is_done_meanwhile_is_done_between_the_call_and_its_answer() -> None:
    arrived, done = threading.Event(), threading.Event()

    def once_it_is_done(_: Received) -> Step:
        arrived.set()
        assert done.wait(10), "the answer was waited for first"
        return results({"instance_id": ONE, "job_id": JOB})

    def meanwhile() -> None:
        assert arrived.wait(10), "nothing was written yet"
        done.set()

    with HttpServer(once_it_is_done) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate, meanwhile)
        cloud.close()

    assert said.outcomes == {ONE: Accepted(JOB)}


def test_nothing_is_done_meanwhile_where_nothing_is_sent() -> None:
    def meanwhile() -> None:
        raise AssertionError

    with HttpServer(results()) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), lambda: "not now", meanwhile)
        cloud.close()

    assert said.outcomes == {ONE: NotSent("not now")}
    assert server.received == []
