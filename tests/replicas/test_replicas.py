"""Identical daemons on one PostgreSQL: every request is sent once, in its window, whoever dies."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from fakes.postgres import Server, fresh_database
from offpeakd.adapters.sql.schema import ensure
from offpeakd.core.model import Request
from offpeakd.emulator.cloud_model import DdsJob
from replicas.replicas import Replicas, misfortune, replicas

if TYPE_CHECKING:
    from datetime import datetime

SEED = 4


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that a test may strike."""
    server = Server(Path(tempfile.mkdtemp(prefix="offpeakd-replicas-")))
    server.start()
    ensure(server.url)
    yield server
    server.remove()


def test_daemons_that_are_killed_and_frozen_leave_nothing_undone_and_do_nothing_twice(
    tmp_path: Path,
) -> None:
    with fresh_database() as url, replicas(tmp_path, url, targets=3, instances=50) as site:
        site.add(50)
        misfortune(site, Random(SEED), daemons=3, times=3)
        site.start()
        assert site.finish(), site.logs()[-3000:]
        site.check()


def test_daemons_go_on_after_their_server_crashed(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server.url, targets=2, instances=60) as site:
        site.add(60)
        for _ in range(2):
            site.start()
        for _ in range(2):
            assert site.wait_for_calls(1)
            server.stop_at_once()
            server.start()
        assert site.finish(), site.logs()[-3000:]
        site.check()


def test_daemons_together_keep_a_targets_limit(tmp_path: Path) -> None:
    with (
        fresh_database() as url,
        replicas(tmp_path, url, 1, 30, freezing=False, in_flight=7) as site,
    ):
        site.add(30)
        for _ in range(2):
            site.start()
        assert site.finish(), site.logs()[-3000:]
        site.check()
        assert 0 < _most_at_once(site.clouds["t00"].world.jobs) <= 7


def test_a_large_target_keeps_no_small_one_waiting(tmp_path: Path) -> None:
    with fresh_database() as url, replicas(tmp_path, url, 5, 300, freezing=False) as site:
        large, *small = site.clouds
        site.add(300, large)
        site.add(20, *small)
        for _ in range(2):
            site.start()
        assert site.finish(), site.logs()[-3000:]
        site.check()
        of_large = sorted(call.at for call in site.clouds[large].world.calls)
        for target in small:
            last = max(call.at for call in site.clouds[target].world.calls)
            assert last < of_large[len(of_large) // 2], "small ones wait for half of the large one"


def test_a_daemon_keeps_to_its_targets_and_another_takes_over(tmp_path: Path) -> None:
    with fresh_database() as url, replicas(tmp_path, url, 2, 20, freezing=False) as site:
        site.add(20)
        partly = site.start("--targets", "t00", "--targets", "x*", "--until-idle")
        assert partly.wait(60) == 0, "what waits in other targets is left to other daemons"
        assert {call.target for call in _batches(site)} == {"t00"}
        assert site.start("--targets", "t*", "--until-idle").wait(60) == 0
        site.check()
        nobody = site.start("--targets", "y*")
        assert nobody.wait(30) == 2
        assert "no target fits --targets y*" in site.logs()


def _batches(site: Replicas) -> list[Request]:
    return [one for one in site.requests() if one.batch_id is not None]


def _most_at_once(jobs: tuple[DdsJob, ...]) -> int:
    edges: list[tuple[datetime, int]] = []
    for job in jobs:
        edges += [(job.created, 1), (job.ends, -1)]
    running = most = 0
    for _, step in sorted(edges):
        running += step
        most = max(most, running)
    return most
