"""A daemon that PostgreSQL tells of work looks at once; without, it finds the same work later."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation, patiently
from fakes.pooler import NEEDS_POOLER, pooler
from fakes.postgres import fresh_database
from offpeakd import app
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.ticker import AT_MOST

CLOCK = app.system_clock()
SELDOM, OFTEN = "release: {poll: 30s}", "release: {poll: 500ms}"
WELL_BEFORE = AT_MOST.total_seconds() / 3
"""Between two looks that nobody hints at lie 15 seconds, of which four tests in a row use few."""


@contextmanager
def a_site(folder: Path, url: str | None, more: str = SELDOM) -> Iterator[Installation]:
    settings = EmulatorSettings(
        instances=40,
        mix=ORDINARY,
        # No upgrade ends, so that nothing else wakes anybody.
        job_duration=timedelta(hours=1),
        job_duration_most=timedelta(hours=1),
    )
    with (
        Emulator(settings, CLOCK) as cloud,
        Installation(folder, cloud, more=more, database=url) as site,
    ):
        yield site


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


def _add(site: Installation, number: int) -> Request:
    """Ask for one more instance."""
    wish = Request("prod", sorted(site.cloud.world.instances)[number], CLOCK.now())
    [added] = site.store.add([wish], "test")
    return added.request


def _pause(site: Installation, scope: str) -> None:
    site.store.put_stop(Stop(scope, "pause", "fire drill", "ann", CLOCK.now()))


def _is_sent(site: Installation, number: int, seconds: float = WELL_BEFORE) -> bool:
    return patiently(lambda: len(site.calls()) == number, seconds)


def test_what_is_asked_for_while_the_daemon_waits_is_sent_at_once(tmp_path: Path, url: str) -> None:
    with a_site(tmp_path, url) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        for number in range(4):
            _add(site, number)
            assert _is_sent(site, number + 1), f"request {number} waited for a look: {site.log()}"
        began = CLOCK.boottime()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
        assert CLOCK.boottime() - began < timedelta(seconds=5)
        assert '"level": "error"' not in site.log()


def test_what_a_person_lets_go_is_sent_at_once(tmp_path: Path, url: str) -> None:
    with a_site(tmp_path, url) as site:
        _pause(site, "*")
        _add(site, 0)
        site.start()
        assert site.has_logged('"started"')
        for number, scope in enumerate(("*", "prod", "*"), start=1):
            assert not _is_sent(site, number, 0.5)
            site.store.lift_stop(scope, frozenset({"pause"}), "ann", "over")
            assert _is_sent(site, number), site.log()
            _pause(site, "prod" if scope == "*" else "*")
            _add(site, number)


@NEEDS_POOLER
def test_behind_a_pooler_that_keeps_no_sessions_work_is_found_by_looking(
    tmp_path: Path, url: str
) -> None:
    with pooler(url) as pooled, a_site(tmp_path, pooled, OFTEN) as site:
        daemon = site.start()
        assert site.has_logged('"no_hints"')
        _add(site, 0)
        assert _is_sent(site, 1), site.log()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0

        assert site.log().count('"no_hints"') == 1
        assert "hints_lost" not in site.log()
        assert '"level": "error"' not in site.log()
        assert '"level": "warning"' not in site.log()


def test_on_sqlite_nobody_listens(tmp_path: Path) -> None:
    with a_site(tmp_path, None, OFTEN) as site:
        daemon = site.start()
        assert site.has_logged('"started"')
        _add(site, 0)
        assert _is_sent(site, 1), site.log()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
        assert "hints" not in site.log()
