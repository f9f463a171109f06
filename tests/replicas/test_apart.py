"""Daemons whose clock, network or way to the database is not as it should be."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.installation import patiently
from fakes.pooler import NEEDS_POOLER, pooler
from fakes.postgres import Server, fresh_database
from offpeakd.adapters.sql.schema import ensure
from replicas.replicas import replicas

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_NAMESPACE = f"offpeakd-{os.getpid()}"
_CABLE = f"op{os.getpid()}"
# Numbers of this process alone: others may run the same test beside it.
_NET, _FIRST = f"10.211.{os.getpid() % 250}", 4 * (os.getpid() // 250 % 63)
_HERE, _THERE = f"{_NET}.{_FIRST + 1}", f"{_NET}.{_FIRST + 2}"


@pytest.mark.skipif(not FAKETIME.exists(), reason="needs libfaketime (apt-get install faketime)")
def test_clocks_five_minutes_apart_release_nothing_outside(tmp_path: Path) -> None:
    with fresh_database() as url, replicas(tmp_path, url, targets=2, instances=30) as site:
        site.add(30)
        for skew in ("+300", "-300", "+0"):
            site.start(
                environ={
                    "LD_PRELOAD": str(FAKETIME),
                    "FAKETIME": f"{skew}s",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                }
            )
        assert site.finish(), site.logs()[-3000:]
        site.check()
        assert patiently(lambda: site.logs().count('"code": "clock-skew"') >= 2), site.logs()


@pytest.fixture
def far_server() -> Iterator[Server]:
    """A server behind a cable that can be pulled."""
    words = f"""
        netns add {_NAMESPACE}
        link add {_CABLE}h type veth peer name {_CABLE}t netns {_NAMESPACE}
        addr add {_HERE}/30 dev {_CABLE}h
        link set {_CABLE}h up
        -n {_NAMESPACE} addr add {_THERE}/30 dev {_CABLE}t
        -n {_NAMESPACE} link set {_CABLE}t up
        -n {_NAMESPACE} link set lo up
    """
    with ExitStack() as stack:
        stack.callback(_ip, f"netns del {_NAMESPACE}")
        for line in words.strip().splitlines():
            _ip(line)
        home = Path(tempfile.mkdtemp(prefix="offpeakd-far-"))
        server = Server(home, listen="*", under=("ip", "netns", "exec", _NAMESPACE))
        stack.callback(server.remove)
        server.start()
        ensure(server.url)
        yield server


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def _may_make_networks() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    made = subprocess.run(["ip", "netns", "add", f"{_NAMESPACE}-try"], check=False)
    if made.returncode == 0:
        _ip(f"netns del {_NAMESPACE}-try")
    return made.returncode == 0


@pytest.mark.skipif(not _may_make_networks(), reason="needs root and network namespaces (ip netns)")
def test_a_daemon_cut_off_from_the_database_stops_sending_and_another_goes_on(
    tmp_path: Path, far_server: Server
) -> None:
    far = f"postgresql+psycopg://postgres@{_THERE}/postgres"
    with replicas(tmp_path, far_server.url, 1, 100, freezing=False, in_flight=20) as site:
        site.add(40)
        # This one alone goes through the cable; the other and the test go by the socket.
        cut_off = site.start(url=far)
        assert site.wait_for_calls(1)
        _ip(f"-n {_NAMESPACE} link set {_CABLE}t down")
        near = site.start()
        site.add(40)
        assert site.finish(), site.logs()[-3000:]
        site.check()
        assert cut_off.poll() is None
        _ip(f"-n {_NAMESPACE} link set {_CABLE}t up")
        near.kill()
        near.wait(30)
        site.add(20)
        assert site.finish(), "the cable is whole again, and nobody else is there"
        site.check()


@pytest.fixture
def pooled() -> Iterator[str]:
    """The address of a pooler in transaction mode before a database."""
    with fresh_database() as url, pooler(url) as address:
        yield address


@NEEDS_POOLER
def test_daemons_work_behind_a_pooler_in_transaction_mode(tmp_path: Path, pooled: str) -> None:
    with replicas(tmp_path, pooled, targets=2, instances=40) as site:
        site.add(40)
        for _ in range(2):
            site.start()
        assert site.finish(), site.logs()[-3000:]
        site.check()
