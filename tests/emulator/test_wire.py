"""Connections: kept alive, malformed, cut, and ended promptly."""

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from fakes.emulated_calls import SECONDS, Caller
from fakes.set_clock import SetClock
from offpeakd.core.errors import OffpeakdError, UsageError
from offpeakd.emulator import Emulator, EmulatorSettings, Faults, Rule


@contextmanager
def connected(cloud: Emulator) -> Iterator[socket.socket]:
    host, _, port = cloud.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET / SPDY/3\r\n\r\n", 400),
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", 400),
    ],
    ids=[
        "one word",
        "another protocol",
        "TLS",
        "too long an address",
        "too many headers",
        "length unknown",
        "length malformed",
        "too large a body",
        "a body cut off",
    ],
)
def test_what_cannot_be_read_is_answered_and_ends_the_connection(
    cloud: Emulator, sent: bytes, status: int
) -> None:
    with connected(cloud) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

        answer = everything(connection)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"APIGW.0201" in answer
    assert not cloud.world.received


@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "Connection: close\r\n", False),
        ("HTTP/1.0", "", False),
    ],
    ids=["1.1", "1.1 and close", "1.0"],
)
def test_a_connection_is_kept_as_http_says(
    cloud: Emulator, version: str, header: str, kept: bool
) -> None:
    call = f"GET / {version}\r\n{header}\r\n".encode()
    with connected(cloud) as connection:
        connection.sendall(call * 2)
        connection.shutdown(socket.SHUT_WR)

        answers = everything(connection).count(b"APIGW.0101")

    assert answers == (2 if kept else 1)


def test_many_calls_go_over_one_connection(caller: Caller) -> None:
    caller.dds("GET", "instances")
    first = caller.connection.sock
    caller.dds("GET", "instances")

    assert caller.connection.sock is first


def test_calls_at_the_same_time_each_start_their_own(cloud: Emulator, clock: SetClock) -> None:
    def upgrade(instance_id: str) -> int:
        caller = Caller(cloud, clock)
        status = caller.upgrade(instance_id).status
        caller.close()
        return status

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(upgrade, [one for one in cloud.world.instances for _ in "ab"]))

    assert statuses == [202] * 20
    assert set(cloud.world.starts.values()) == {1}
    assert len(cloud.world.jobs) == len({job.id for job in cloud.world.jobs}) == 10


def test_a_caller_that_vanishes_disturbs_nobody(cloud: Emulator, caller: Caller) -> None:
    cloud.use_faults(Faults((Rule(do="do-then-delay", wait=timedelta(milliseconds=50), times=1),)))
    instance_id = next(iter(cloud.world.instances))
    with connected(cloud) as connection:
        body = f'{{"instance_ids": ["{instance_id}"]}}'.encode()
        target = f"/v3/{caller.project}/instances/db-upgrade"
        signed = caller.headers("POST", target, body)
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(
            f"POST {target} HTTP/1.1\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
        )
        assert cloud.wait_until(lambda world: bool(world.starts))

    assert caller.dds("GET", "instances").status == 200
    assert cloud.starts(instance_id) == 1


def test_stopping_ends_a_call_that_is_never_answered(clock: SetClock) -> None:
    faults = Faults((Rule(do="swallow-before"),))
    cloud = Emulator(EmulatorSettings(instances=1, faults=faults), clock)
    caller = Caller(cloud, clock)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(caller.upgrade, next(iter(cloud.world.instances)))
        assert cloud.wait_until(lambda world: bool(world.calls and world.calls[0].fault))

        cloud.close()

        with pytest.raises(OSError, match=r"closed|reset"):
            call.result(SECONDS)
    caller.close()


@pytest.mark.parametrize(("do", "started"), [("delay", 0), ("do-then-delay", 1)])
def test_stopping_ends_a_call_that_waits(clock: SetClock, do: str, started: int) -> None:
    faults = Faults((Rule(do=do, wait=timedelta(hours=1)),))
    cloud = Emulator(EmulatorSettings(instances=1, faults=faults), clock)
    caller = Caller(cloud, clock)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(caller.upgrade, next(iter(cloud.world.instances)))
        assert cloud.wait_until(lambda world: len(world.starts) == started and bool(world.calls))

        cloud.close()

        with pytest.raises(OSError, match=r"closed|reset|pipe"):
            call.result(SECONDS)
    caller.close()
    assert sum(cloud.world.starts.values()) == started


def test_stopping_twice_is_stopping(cloud: Emulator, caller: Caller) -> None:
    caller.dds("GET", "instances")
    cloud.close()
    cloud.close()

    with pytest.raises(OSError, match="refused"):
        HTTPConnection(cloud.url.removeprefix("http://"), timeout=SECONDS).connect()


def test_waiting_in_vain_says_so(cloud: Emulator) -> None:
    assert not cloud.wait_until(lambda world: bool(world.calls), timedelta(milliseconds=10))


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - shown to be refused
        "192.0.2.1",
        "::",
        "example.com",
        "",
    ],
    ids=lambda host: host or "none",
)
def test_only_loopback_addresses_are_listened_on(clock: SetClock, host: str) -> None:
    with pytest.raises(UsageError, match="loopback addresses only"):
        Emulator(EmulatorSettings(listen=(host, 0)), clock)


def test_a_port_in_use_is_named(cloud: Emulator, clock: SetClock) -> None:
    port = int(cloud.url.rpartition(":")[2])

    with pytest.raises(OffpeakdError, match=rf"can't listen on 127\.0\.0\.1 port {port}: .*use"):
        Emulator(EmulatorSettings(listen=("127.0.0.1", port)), clock)


@pytest.mark.parametrize(
    ("host", "url"), [("localhost", "http://127.0.0.1:"), ("127.0.0.2", "http://127.0.0.2:")]
)
def test_other_names_of_this_machine_are_listened_on(clock: SetClock, host: str, url: str) -> None:
    with Emulator(EmulatorSettings(listen=(host, 0), instances=1), clock) as cloud:
        assert cloud.url.startswith(url)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_stands_in_brackets(clock: SetClock) -> None:
    try:
        cloud = Emulator(EmulatorSettings(listen=("::1", 0), instances=1), clock)
    except OffpeakdError:
        pytest.skip("this machine has no ::1")
    with cloud, connected(cloud) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")

        assert cloud.url.startswith("http://[::1]:")
        assert b"APIGW.0101" in everything(connection)
