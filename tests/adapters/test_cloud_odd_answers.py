"""What is no whole answer, or could be meant otherwise, proves nothing: whatever a server sends."""

import json
from datetime import timedelta

import pytest

from fakes.dds_target import ONE, cloud_at, open_gate
from fakes.http_server import HttpServer, Raw, Received, Step
from fakes.set_clock import SetClock
from offpeakd.core.outcomes import Accepted, Outcome, Refused, Unclear
from offpeakd.ports import UpgradeAnswer

JOB = "e4616470-733d-41de-a9b0-a260709293d3"
BODY = json.dumps({"upgrade_results": [{"instance_id": ONE, "job_id": JOB}]}).encode()
REFUSAL = b'{"error_code": "DBS.200047", "error_msg": "busy"}'
READ = timedelta(seconds=2)


def said(step: Step, clock: SetClock | None = None) -> UpgradeAnswer:
    with HttpServer(step) as server:
        cloud = cloud_at(server.url, clock, read_timeout=READ)
        answer = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()
    return answer


def outcome(data: bytes) -> Outcome:
    return said(Raw(data)).outcomes[ONE]


def whole(*headers: bytes, status: bytes = b"202", body: bytes = BODY) -> bytes:
    lines = [b"HTTP/1.1 " + status + b" Said", *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", body])


def test_the_whole_answer_is_taken() -> None:
    assert outcome(whole()) == Accepted(JOB)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            whole(b"Retry-After: 3600", b"Date: x", status=b"400", body=REFUSAL), id="by length"
        ),
        pytest.param(
            b"HTTP/1.1 400 Said\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%02x\r\n%s\r\n0\r\n\r\n" % (len(REFUSAL), REFUSAL),
            id="in chunks",
        ),
    ],
)
def test_a_refusal_that_was_cut_anywhere_refuses_nothing(answer: bytes) -> None:
    for cut in range(len(answer) - 4):
        found = outcome(answer[:cut])
        assert isinstance(found, Unclear), answer[:cut]
        assert "IncompleteRead" not in found.why
    assert isinstance(outcome(answer), Refused)


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: 5",),
        (b"Transfer-Encoding: chunked",),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: gzip",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"no header at all",),
        (b"X: 1", b" of two lines"),
        (b"X: 1\rContent-Length: 2",),
        (b"X: " + b"x" * 70_000,),
        tuple(b"X-%d: %s" % (number, b"x" * 2_000) for number in range(90)),
    ],
    ids=range(10),
)
def test_a_head_that_could_be_meant_otherwise_proves_nothing(headers: tuple[bytes, ...]) -> None:
    found = outcome(whole(*headers))

    assert isinstance(found, Unclear)
    assert "the connection broke" in found.why


@pytest.mark.parametrize(
    "length", [b"+%d", b"-%d", b" %d x", b"0x%d", b"9" * 400 + b"%d", b"\xb2%d"]
)
def test_a_length_that_is_none_proves_nothing(length: bytes) -> None:
    data = b"HTTP/1.1 202 Said\r\nContent-Length: " + length % len(BODY) + b"\r\n\r\n" + BODY

    assert isinstance(outcome(data), Unclear)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"HTTP/2 202\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01",
        BODY,
        b"\r\n" * 50,
    ],
)
def test_what_is_no_http_proves_nothing(data: bytes) -> None:
    assert isinstance(outcome(data), Unclear)


@pytest.mark.parametrize(
    ("status", "body", "clear"),
    [
        (b"202", BODY, True),
        (b"400", REFUSAL, True),
        (b"400", b"<html>", False),
        (b"404", b"", False),
    ],
)
def test_an_answer_without_an_end_is_whole_where_its_text_is(
    status: bytes, body: bytes, *, clear: bool
) -> None:
    found = outcome(b"HTTP/1.1 " + status + b" Said\r\n\r\n" + body)

    assert isinstance(found, Unclear) is not clear


@pytest.mark.parametrize(
    "date",
    [
        b"Tue, 02 Jan 99999999999999999999 03:04:05 GMT",
        b"Fri, 31 Dec 9999 23:59:59 -1200",
        b"Tue, 02 Jan 2024 03:04:05 +999999999999",
    ],
)
@pytest.mark.parametrize("header", [b"Date", b"Retry-After"])
def test_a_time_that_is_none_is_as_good_as_no_time(header: bytes, date: bytes) -> None:
    assert outcome(whole(header + b": " + date)) == Accepted(JOB)


def test_a_secret_that_comes_back_in_a_header_is_not_kept() -> None:
    with HttpServer(lambda request: Raw(whole(b"X-Request-Id: " + _secret(request)))) as server:
        cloud = cloud_at(server.url)
        answer = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()

    assert answer.result.cloud_request_id == "[removed]"


def _secret(request: Received) -> bytes:
    return (request.header("Authorization") or "").encode()


@pytest.mark.parametrize(
    ("data", "drips"),
    [
        pytest.param(b"H", b"T", id="status line"),
        pytest.param(b"HTTP/1.1 202 Said\r\nX: ", b"x", id="header"),
        pytest.param(b"", b"HTTP/1.1 100 Go on\r\n\r\n", id="going on for ever"),
        pytest.param(b"HTTP/1.1 202 Said\r\nContent-Length: 900\r\n\r\n", b" ", id="body"),
        pytest.param(b"HTTP/1.1 202 Said\r\n\r\n", b" ", id="body to the end"),
        pytest.param(
            b"HTTP/1.1 202 Said\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", id="chunk's length"
        ),
        pytest.param(
            b"HTTP/1.1 202 Said\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: 1\r\n",
            id="trailers",
        ),
    ],
)
def test_an_answer_that_drips_on_and_on_is_given_up(data: bytes, drips: bytes) -> None:
    found = said(Raw(data, drips), SetClock(step=READ / 10)).outcomes[ONE]

    assert isinstance(found, Unclear)
    assert found.why.endswith("the answer took too long")


def test_of_an_answer_that_took_too_long_what_came_is_kept() -> None:
    head = b"HTTP/1.1 202 Said\r\nX-Request-Id: req-1\r\nContent-Length: 900\r\n\r\n"
    answer = said(Raw(head, b" "), SetClock(step=READ / 10))

    assert answer.result.http_status == 202
    assert answer.result.cloud_request_id == "req-1"
