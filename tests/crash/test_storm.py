"""Kill -9 and SIGSTOP at random moments of the real daemon: nothing twice, outside or lost."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from crash.storm import a_storm
from fakes.postgres import fresh_database

LIVES = 20
SQLITE_SEED = 20_261_123
POSTGRESQL_SEED = 20_261_124


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    with fresh_database() if request.param == "postgresql" else nullcontext() as address:
        yield address


@pytest.mark.parametrize(
    ("database", "seed"),
    [("sqlite", SQLITE_SEED), ("postgresql", POSTGRESQL_SEED)],
    indirect=["database"],
)
def test_whatever_the_daemon_dies_of_nothing_is_started_twice_or_outside_or_lost(
    tmp_path: Path, database: str | None, seed: int
) -> None:
    print(f"again: make crash KILLS={LIVES} SEED={seed}")
    with a_storm(tmp_path, seed, LIVES, database) as storm:
        storm.rage(LIVES)
        # A storm in which the daemon hardly ever gets to work would prove little.
        assert len(storm.site.calls()) >= LIVES // 4
        assert "abandoned_attempts" in storm.site.log()

        assert storm.calm(), storm.site.log()
        storm.check()
