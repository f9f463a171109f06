"""The library sees the connections that the drivers work on, and is not there before it is asked for."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from fakes.postgres import fresh_database
from fakes.wishes import added, wish
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.tables import request

_COUNT = Prepared("SELECT count(*) FROM request")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/offpeakd.db"
        ensure(url)
        yield url
        return
    with fresh_database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "me")) as opened:
        yield opened


def test_both_see_what_one_transaction_wrote(store: SqlStore) -> None:
    added(store, wish(1))
    with store._database.driver_write(core=True) as connection:
        assert connection.core is not None
        connection.core.execute(sa.delete(request))
        assert _COUNT.rows(connection, {}) == [(0,)]
        connection.say("ROLLBACK")
        connection.say("BEGIN")
        assert (
            connection.core.execute(sa.select(sa.func.count()).select_from(request)).scalar() == 1
        )


def test_what_the_library_asks_first_takes_back_nothing(url: str) -> None:
    with closing(SqlStore(url, "me")) as store:
        added(store, wish(1))
    with closing(SqlStore(url, "me")) as store, store._database.driver_write() as connection:
        connection.say("DELETE FROM request")
        with store._database.read() as beside:
            found = beside.execute(sa.select(sa.func.count()).select_from(request)).scalar()
        assert found == 1, "on another connection"
        assert _COUNT.rows(connection, {}) == [(0,)]


def test_a_connection_that_the_library_knows_is_closed_for_both(store: SqlStore) -> None:
    with store._database.driver_read(core=True) as connection:
        core = connection.core
    store._database.close()
    assert core is not None
    assert core.closed
    assert connection.is_dead
    assert store.counts() == {}


_A_DAEMONS_WORK = """
import sys
from datetime import timedelta
from fakes.wishes import ANSWERED, NOON, accepted, batch_of, wish
from offpeakd.adapters.sql.schema import ensured
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.app.loading import load_parts
from offpeakd.core.batch import as_claimed
from offpeakd.core.lane import Stop
from offpeakd.core.model import IN_FLIGHT, State
from offpeakd.core.seen import Instance
from offpeakd.ports import DaemonRow, Filter, Limits, Settled

load_parts()
store = SqlStore(sys.argv[1], "me", database=ensured(sys.argv[1]))
assert store.abandoned("me", 500) == ()
assert store.beat(DaemonRow("me", "host", 1, "1", ("prod",), NOON, NOON, "c0ffee"), new_term=True)
store.high_water(NOON)
store.put_stop(Stop("prod", "throttled", "slow down", "offpeakd", NOON, NOON))
assert store.lift_stop("prod", frozenset({"throttled"}), "offpeakd", "over") == 1
store.see_instances("prod", [Instance("one", NOON)])
store.take_turn("retention", "me", timedelta(minutes=1))
for _ in range(3):
    store.stops()
    first = store.lane("prod", NOON, ("default",), 2).first
    page = store.page(Filter(states=frozenset({State.QUEUED}), targets=frozenset({"prod"})), 0, 1)
    assert page == first[:1]
    store.known_jobs("prod", [one.instance_id for one in first])
    batch = batch_of(first, f"b{first[0].id}")
    behind = store.claim(batch, Limits(10, 10), ahead=2).behind
    assert behind.read() is not None
    settled = Settled(batch.id, ANSWERED, [accepted(one) for one in as_claimed(batch)])
    store.begin_record(settled)
    assert store.record(batch.id, ANSWERED, settled.changes) == ()
assert len(store.in_flight("prod", IN_FLIGHT, 0, 10)) == 6
store.lane("prod", NOON)
store.overdue_requests(NOON, 10)
store.take_call("prod", 100)
store.forget_finished(NOON, 10)
store.leave("me")
store.close()
print(*sorted({"alembic", "pydantic", "sqlalchemy"} & sys.modules.keys()))
"""


def test_a_daemon_at_work_loads_no_library(url: str) -> None:
    with closing(SqlStore(url, "me")) as store:
        added(store, *map(wish, range(6)))
    done = subprocess.run(
        [sys.executable, "-c", _A_DAEMONS_WORK, url],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert done.stdout.split() == []


_AMID_THE_IMPORT = """
import sys, threading
from offpeakd.adapters.sql.faults import library_errors

met = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("sqlalchemy."):
            asking = threading.Thread(target=lambda: met.append(library_errors()))
            asking.start()
            asking.join(20)

sys.meta_path.insert(0, Watch())
import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError
assert len(met) > 50
assert SQLAlchemyError in library_errors()
"""


def test_errors_may_be_met_while_another_thread_loads_the_library() -> None:
    subprocess.run(
        [sys.executable, "-c", _AMID_THE_IMPORT],
        check=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
