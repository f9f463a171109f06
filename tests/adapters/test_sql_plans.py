"""The statements of a tick read an index, however long the queue is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fakes.postgres import fresh_database
from fakes.wishes import NOON, instance_id, wish
from offpeakd.adapters.sql import look
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.conditions import IS_LIVE
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.model import State

if TYPE_CHECKING:
    from pathlib import Path

_FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A queue of 15,000, and 5,000 that have ended, as the planner's statistics know."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("plans")
        folder.chmod(0o700)
        url = f"sqlite:///{folder}/offpeakd.db"
        ensure(url)
        yield from _filled(url)
    else:
        with fresh_database() as url:
            yield from _filled(url)


def _filled(url: str) -> Iterator[Database]:
    store = SqlStore(url, "me")
    later = NOON + timedelta(days=1)
    queued = [
        wish(n, group=f"g{n % 7}", wait_until=later if n % 10 == 0 else None) for n in range(15_000)
    ]
    ended = [wish(n, state=_FINAL[n % 3], finished_at=NOON) for n in range(15_000, 20_000)]
    store.add([*queued, *ended], "ann")
    store.close()
    database = Database(address_of(url))
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    yield database
    database.close()


_VALUES = {"target": "prod", "group_name": "g3", "limit": 10}


def _plan(database: Database, statement: Prepared) -> str:
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.driver_read() as connection:
        cursor = connection.cursor()
        cursor.execute(explain + statement.text(database.dialect), database.dialect.into(_VALUES))
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        pytest.param(look._READY, "ix_request_claim", id="the next ones"),
        pytest.param(look._READY_GROUPS, "ix_request_claim", id="groups with something ready"),
        pytest.param(look._WAITING_AND_RUNNING, "ix_request_waiting", id="the next, and what runs"),
    ],
)
def test_a_tick_reads_by_index(database: Database, statement: Prepared, index: str) -> None:
    plan = _plan(database, statement)
    assert index in plan
    assert "SCAN request" not in plan
    assert "Seq Scan on request" not in plan
    assert "TEMP B-TREE" not in plan


def test_a_listing_of_one_state_reads_by_index(database: Database) -> None:
    wanted = (
        "SELECT id FROM request WHERE target = 'prod' AND state = 'failed' AND id > 100"
        " ORDER BY id LIMIT 50"
    )
    with database.read() as connection:
        explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
        plan = "\n".join(str(row[-1]) for row in connection.execute(sa.text(explain + wanted)))
    assert "Seq Scan" not in plan
    assert "SCAN request" not in plan


def test_whether_an_instance_has_a_live_request_is_read_off_their_own_index(
    database: Database,
) -> None:
    wanted = (
        "SELECT id FROM request WHERE target = 'prod'"  # noqa: S608  # our own words
        f" AND instance_id IN ('{instance_id(1)}', '{instance_id(19_000)}') AND {IS_LIVE}"
    )
    with database.read() as connection:
        explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
        plan = "\n".join(str(row[-1]) for row in connection.execute(sa.text(explain + wanted)))
    assert "uq_request_live" in plan
