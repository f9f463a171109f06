"""Connections are kept from one transaction to the next, and never more of them than told."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fakes.installation import patiently
from fakes.postgres import fresh_database
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.connections import MOST
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.errors import DatabaseError

_ONE = Prepared("SELECT 1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    with closing(Database(address_of(url))) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[Database]:
    with fresh_database() as url:
        ensure(url)
        with closing(Database(address_of(url))) as opened:
            yield opened


def _counted(database: Database) -> int:
    with database.read() as connection:
        found: int = connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one()
    return found


def test_the_connection_that_was_used_last_is_used_again(database: Database) -> None:
    with database.read() as first, database.read() as second:
        pass
    # Given back in this order: the second, then the first.
    with database.read() as again:
        assert again is first
        with database.read() as beside:
            assert beside is second


def _write_and_fail(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO event (at, kind, actor, detail) VALUES ('', 'x', 'x', '{}')"
        )
        raise ZeroDivisionError


def test_nothing_is_left_of_a_transaction_on_a_connection_that_is_kept(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(database)
    assert _counted(database) == 0


def test_a_further_thread_waits_for_a_connection_while_all_are_in_use(database: Database) -> None:
    held = [database._connections.take() for _ in range(MOST)]
    went = threading.Event()

    def read() -> None:
        _counted(database)
        went.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert not went.wait(0.1)
    database._connections.put_back(held.pop())
    assert went.wait(20)
    thread.join(20)
    for one in held:
        database._connections.put_back(one)
    assert patiently(lambda: len(database._connections._idle) == 5), "the others are closed"


def test_one_in_use_when_all_are_closed_is_not_kept(database: Database) -> None:
    with database.read() as connection:
        database.close()
    assert connection.closed
    assert _counted(database) == 0, "a new one is opened"


def test_a_connection_that_the_server_has_cut_is_replaced(server: Database) -> None:
    assert _counted(server) == 0
    _cut_all(server)
    assert server.ask([(_ONE, {})]) == [[(1,)]]
    _cut_all(server)
    assert server.write_whole(["SELECT %(number)s::int"], {"number": 7}) == [(7,)]


def test_a_statement_that_fails_is_not_committed_and_leaves_a_sound_connection(
    server: Database,
) -> None:
    writes = (
        "WITH told AS (INSERT INTO event (at, kind, actor, detail)"
        " VALUES (now(), 'x', 'x', '{}') RETURNING id) SELECT 1 / (count(*) - 1) FROM told"
    )
    with pytest.raises(DatabaseError, match="division by zero"):
        server.write_whole([writes], {})
    assert _counted(server) == 0
    assert server.write_whole(["SELECT 1"], {}) == [(1,)]


def test_what_is_asked_is_taken_back(server: Database) -> None:
    told = Prepared(
        "INSERT INTO event (at, kind, actor, detail) VALUES (now(), 'x', 'x', '{}') RETURNING 1"
    )
    assert server.ask([(told, {}), (_ONE, {})], locks=True) == [[(1,)], [(1,)]]
    assert _counted(server) == 0


def _cut_all(database: Database) -> None:
    parameters: Any = database.address.parameters
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
