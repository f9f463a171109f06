"""Which connection a call goes out on, and that no answer is taken for another call's."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.dds_target import ONE, cloud_at, open_gate
from fakes.http_server import HttpServer, Reply, Step, answer, in_turn
from fakes.set_clock import SetClock
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.connections import Connections
from offpeakd.core.outcomes import Accepted, NotSent, Outcome, Unclear

WIRE = Path(__file__).with_name("wire")
JOB = "e4616470-733d-41de-a9b0-a260709293d3"
OTHERS_JOB = "00000000-733d-41de-a9b0-a260709293d3"


def accepted(job: str, **headers: str) -> Reply:
    return answer(202, {"upgrade_results": [{"instance_id": ONE, "job_id": job}]}, **headers)


def outcome(cloud: DdsCloud) -> Outcome:
    return cloud.send(cloud.sign_upgrade([ONE]), open_gate).outcomes[ONE]


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE / "loopback.crt", WIRE / "loopback.key")
    return context


def followed_by_more(job: str, more: int) -> Reply:
    """An answer with bytes behind it that belong to nobody."""
    reply = accepted(job)
    headers = {"Content-Length": str(len(reply.body))}
    return Reply(202, reply.body + b" " * more, headers)


@pytest.mark.parametrize(
    "before",
    [
        followed_by_more(OTHERS_JOB, 100_000),
        Reply(103, accepted(OTHERS_JOB).body),
        Reply(202, b"x" * (1024 * 1024 + 1)),
        accepted(OTHERS_JOB, Connection="close"),
    ],
    ids=["bytes of nobody's", "no last answer", "too long", "the server closes it"],
)
def test_a_connection_that_may_hold_something_yet_is_not_used_again(before: Step) -> None:
    with HttpServer(in_turn(before, accepted(JOB))) as server:
        cloud = cloud_at(server.url)
        outcome(cloud)

        assert outcome(cloud) == Accepted(JOB)
        cloud.close()

    assert (server.connections, len(server.received)) == (2, 2)


@pytest.mark.parametrize("more", [1, 20, 9_000, 20_000])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_bytes_behind_an_answer_are_not_the_next_one(more: int, *, encrypted: bool) -> None:
    before = followed_by_more(OTHERS_JOB, more)
    tls = server_tls() if encrypted else None
    ca_file = str(WIRE / "loopback.crt") if encrypted else None
    with HttpServer(in_turn(before, accepted(JOB)), tls=tls) as server:
        cloud = cloud_at(server.url, ca_file=ca_file)

        assert outcome(cloud) == Accepted(OTHERS_JOB)
        assert outcome(cloud) == Accepted(JOB)
        cloud.close()

    assert server.connections == 2


def test_under_tls_calls_share_one_connection_as_well() -> None:
    with HttpServer(accepted(JOB), tls=server_tls()) as server:
        cloud = cloud_at(server.url, ca_file=str(WIRE / "loopback.crt"))
        for _ in range(3):
            assert outcome(cloud) == Accepted(JOB)
        cloud.close()

    assert server.connections == 1


def test_a_connection_that_ends_while_the_gate_looks_has_sent_nothing() -> None:
    with HttpServer(accepted(JOB)) as server:
        cloud = cloud_at(server.url)
        outcome(cloud)
        before = server.bytes_seen
        said = cloud.send(cloud.sign_upgrade([ONE]), server.hang_up)
        cloud.close()
        why = f"127.0.0.1:{server.port}: the server closed the connection, or spoke before it was asked"

    assert said.outcomes == {ONE: NotSent(why)}
    assert said.result.sent_at is None
    assert server.bytes_seen == before


def test_an_answer_that_is_there_before_the_call_is_not_its_own() -> None:
    early = b"HTTP/1.1 400 Said\r\nContent-Length: 0\r\n\r\n"
    with HttpServer(accepted(JOB), greeting=early) as server:
        cloud = cloud_at(server.url)

        def until_it_is_there() -> None:
            assert server.greeted.wait(10)

        said = cloud.send(cloud.sign_upgrade([ONE]), until_it_is_there)
        cloud.close()
        server.drain()

    assert isinstance(said.outcomes[ONE], NotSent)
    assert server.bytes_seen == 0


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    broken = Reply(202, accepted(OTHERS_JOB).body, {"Connection": "keep-alive"}, close=True)
    with HttpServer(in_turn(broken, accepted(JOB))) as server:
        cloud = cloud_at(server.url)
        assert outcome(cloud) == Accepted(OTHERS_JOB)
        server.drain()

        assert outcome(cloud) == Accepted(JOB)
        cloud.close()


@pytest.mark.parametrize(("seconds", "connections"), [(29, 1), (31, 2)])
def test_a_connection_that_lay_unused_for_half_a_minute_is_not_used_again(
    seconds: int, connections: int
) -> None:
    clock = SetClock()
    with HttpServer(accepted(JOB)) as server:
        cloud = cloud_at(server.url, clock)
        outcome(cloud)
        clock.advance(timedelta(seconds=seconds))

        assert outcome(cloud) == Accepted(JOB)
        cloud.close()

    assert server.connections == connections


def test_news_in_place_of_an_answer_leaves_the_call_unclear() -> None:
    with HttpServer(Reply(103)) as server:
        cloud = cloud_at(server.url)

        assert outcome(cloud) == Unclear(f"127.0.0.1:{server.port}: 103 came in place of an answer")
        cloud.close()


def chunked(body: bytes, end: bytes) -> Reply:
    half = len(body) // 2
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]))
    return Reply(202, parts + end, {"Transfer-Encoding": "chunked"}, sized=False)


def test_an_answer_in_chunks_is_put_together() -> None:
    with HttpServer(chunked(accepted(JOB).body, b"0\r\n\r\n")) as server:
        cloud = cloud_at(server.url)

        assert outcome(cloud) == Accepted(JOB)
        cloud.close()


@pytest.mark.parametrize("end", [b"", b"5\r\nab", b"what\r\n"], ids=["none", "cut", "no size"])
def test_chunks_without_their_end_leave_the_call_unclear(end: bytes) -> None:
    with HttpServer(chunked(accepted(JOB).body, end)) as server:
        cloud = cloud_at(server.url)
        said = outcome(cloud)
        cloud.close()

    assert isinstance(said, Unclear)
    assert "the connection broke" in said.why


def test_a_header_that_no_database_takes_is_mended_where_it_comes_in() -> None:
    with HttpServer(accepted(JOB, X_Request_Id="req\0one")) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()

    assert said.result.cloud_request_id == "req\ufffdone"
    assert said.outcomes == {ONE: Accepted(JOB)}


def test_of_two_headers_of_one_name_both_are_kept() -> None:
    twice = accepted(JOB, X_Request_Id="one\r\nX-Request-Id: two")
    with HttpServer(twice) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()

    assert said.result.cloud_request_id == "one, two"


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://[::1]", 80), ("https://[::1]", 443), ("http://[::1]:8", 8)]
)
def test_of_an_ipv6_address_nothing_is_taken_for_a_port(endpoint: str, port: int) -> None:
    connection = Connections(endpoint, SetClock(), timedelta(seconds=1), None)._new()

    assert (connection.host, connection.port) == ("::1", port)


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://dds.eu-west-101.myhuaweicloud.eu", "dds.eu-west-101.myhuaweicloud.eu"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_host_is_the_one_of_the_endpoint(endpoint: str, host: str) -> None:
    cloud = cloud_at(endpoint)

    assert cloud.sign_upgrade([ONE]).headers["Host"] == host
    cloud.close()
