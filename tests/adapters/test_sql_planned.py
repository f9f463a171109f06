"""PostgreSQL plans a statement once where it answers itself, and nothing depends on that it does."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from fakes.pooler import NEEDS_POOLER, pooler
from fakes.postgres import fresh_database
from fakes.wishes import ANSWERED, NOON, accepted, batch_of, wish
from offpeakd.adapters.sql.messages import exchanged
from offpeakd.adapters.sql.planned import FRESH, OFTEN
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import BY_KEY
from offpeakd.core.batch import as_claimed
from offpeakd.core.errors import DatabaseError
from offpeakd.ports import DaemonRow, Limits

_TWICE = Prepared("SELECT 2 * CAST(:number AS integer), '50%'")
_HAS = "SELECT EXISTS (SELECT FROM request WHERE id = %(id)s)"
_GENERIC = "SET LOCAL plan_cache_mode = force_generic_plan"
_TELLS = (
    "WITH told AS (INSERT INTO event (at, kind, actor, detail)"
    " VALUES (now(), %(kind)s, 'x', '{}') RETURNING id) SELECT count(*) / %(by)s::int FROM told"
)


@contextmanager
def _opened(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "me")) as opened:
        yield opened


@pytest.fixture
def store() -> Iterator[SqlStore]:
    with fresh_database() as url, _opened(url) as opened:
        yield opened


def _ask(store: SqlStore, number: int = 21) -> list[tuple[object, ...]]:
    [rows] = store._database.ask([(_TWICE, {"number": number})])
    return rows


def _tell(store: SqlStore, kind: str, by: int = 1) -> None:
    assert store._database.write_whole([_TELLS], {"kind": kind, "by": by}) == [(1,)]


def _told(store: SqlStore) -> list[str]:
    with store._database.read() as connection:
        rows = connection.exec_driver_sql("SELECT kind FROM event ORDER BY id").all()
    return [kind for (kind,) in rows]


def _say(store: SqlStore, words: str) -> list[tuple[object, ...]]:
    """On the store's connection, as whoever shares a session with it could."""
    with store._database.read() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        cursor = driver.execute(words)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []


_OURS = "FROM pg_prepared_statements WHERE statement NOT LIKE '%set_config%'"
"""Each message sets its limits first, which every one of these tests would have to leave out."""


def _names(store: SqlStore) -> set[str]:
    return {str(name) for (name,) in _say(store, f"SELECT name {_OURS}")}


def _release(store: SqlStore, name: str) -> None:
    """A batch from the look to what came of it."""
    store.add([wish(hash((name, n)) % 10**12) for n in range(10)], "ann")
    ready = store.lane("prod", NOON, ("default",), 10).first
    assert ready is not None
    assert len(ready) == 10
    batch = batch_of(ready, name)
    assert store.claim(batch, Limits(10_000, 10_000))
    changes = [accepted(one, f"job-{one.id}") for one in as_claimed(batch)]
    assert store.record(batch.id, ANSWERED, changes) == ()


def test_what_a_connection_sends_often_is_planned_once(store: SqlStore) -> None:
    for _ in range(OFTEN - 1):
        assert _ask(store) == [(42, "50%")]
    assert not _names(store)
    assert _ask(store) == [(42, "50%")]
    [name] = _names(store)
    for number in range(20):
        assert _ask(store, number) == [(2 * number, "50%")]
    assert _names(store) == {name}
    [(generic,)] = _say(store, f"SELECT generic_plans {_OURS}")
    assert isinstance(generic, int)
    assert generic >= 10


def test_every_statement_around_a_call_is_planned_once(store: SqlStore) -> None:
    store.beat(DaemonRow("me", "host", 1, "1", ("prod",), NOON, NOON, "c0ffee"))
    for n in range(OFTEN + 12):
        _release(store, f"b{n}")
        store.stops()
        store.lane("prod", NOON)
        store.lane("prod", NOON, ("none",))
    planned = _say(store, f"SELECT statement, generic_plans {_OURS}")
    texts = [str(text) for text, _ in planned]
    for part in (
        "min(wait_until)",
        "scope IN",
        "ORDER BY scope",
        "RECURSIVE",
        "WITH ORDINALITY",
        "SKIP LOCKED",
        "INTO batch",
        "UPDATE batch",
    ):
        assert any(part in text for text in texts), part
    assert all(int(str(times)) >= 5 for _, times in planned), planned
    assert len(planned) < 20, "a statement is not many"


def test_questions_of_any_length_leave_names_for_what_goes_around_a_call(store: SqlStore) -> None:
    for number in range(1, 40):
        for _ in range(OFTEN):
            store.known_jobs("prod", [f"{n}" for n in range(number)])
    for n in range(OFTEN + 3):
        _release(store, f"b{n}")
    texts = [str(text) for (text,) in _say(store, f"SELECT statement {_OURS}")]
    assert any("INTO batch" in text for text in texts)
    assert len(texts) < 20


def test_a_plan_that_is_kept_reads_no_table_through(store: SqlStore) -> None:
    for n in range(OFTEN):
        _release(store, f"b{n}")
        store.stops()
        store.lane("prod", NOON)
        store.lane("prod", NOON, ("none",))
    planned = _say(store, f"SELECT name, statement {_OURS}")
    assert len(planned) > 5
    for name, text in planned:
        values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", str(text)))))
        given = f"({values})" if values else ""
        plan = _say(store, f"{BY_KEY}; {_GENERIC}; EXPLAIN EXECUTE {name} {given}")
        assert not [line for (line,) in plan if "Seq Scan" in str(line)], (text, plan)


def test_a_statement_with_another_limit_is_another(store: SqlStore) -> None:
    store.add([wish(n) for n in range(3)], "ann")
    for limit in (1, 2):
        for _ in range(OFTEN + 1):
            assert len(store.ready("prod", "default", limit)) == limit
    texts = [str(text) for (text,) in _say(store, f"SELECT statement {_OURS}")]
    assert sorted(text[text.index(" LIMIT ") :][:8] for text in texts) == [" LIMIT 1", " LIMIT 2"]


def test_a_plan_for_an_empty_queue_reads_a_long_one_by_its_index(store: SqlStore) -> None:
    _count_nothing(store)
    for _ in range(OFTEN + 6):
        assert store.ready("prod", "default", 10) == ()
    store.add([wish(n) for n in range(3_000)], "ann")
    before = _read_in_order(store)
    assert len(store.ready("prod", "default", 10)) == 10
    assert _read_in_order(store) == before
    [(generic,)] = _say(store, f"SELECT generic_plans {_OURS}")
    assert generic


def _count_nothing(store: SqlStore) -> None:
    """Let the server know that the queue is empty, and not that it grows."""
    parameters: Any = store._database.address.parameters
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute("ALTER TABLE request SET (autovacuum_enabled = off)")
        other.execute("VACUUM ANALYZE request")


def _read_in_order(store: SqlStore) -> object:
    """How many rows of the queue were read by reading all of it."""
    _say(store, "SELECT pg_stat_force_next_flush()")
    [(rows,)] = _say(
        store, "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'request'"
    )
    return rows


def test_plans_are_made_anew_now_and_then(store: SqlStore) -> None:
    def look() -> None:
        # Unlike what the store says, this may read all of the queue.
        connections, messages = store._database._connections, store._database._messages
        connection = connections.quiet()
        with connections.kept(connection):
            steps = messages._planned.steps(connection, [_HAS], {"id": 0})
            assert exchanged(connection, steps) == [[(False,)]]

    _count_nothing(store)
    for _ in range(FRESH - OFTEN):
        look()
    store.add([wish(n) for n in range(3_000)], "ann")
    before = _read_in_order(store)
    look()
    after = _read_in_order(store)
    assert after != before, "the plan is for an empty queue"
    for _ in range(2 * OFTEN):
        look()
    before = _read_in_order(store)
    look()
    assert _read_in_order(store) == before
    assert len(_names(store)) == 1


def test_a_session_that_has_forgotten_is_told_in_full(store: SqlStore) -> None:
    for n in range(OFTEN + 1):
        _ask(store)
        _tell(store, f"{n}")
    assert len(_names(store)) == 2
    _say(store, "DEALLOCATE ALL")
    assert _ask(store) == [(42, "50%")]
    _say(store, "DEALLOCATE ALL")
    _tell(store, "once")
    assert _told(store) == [*map(str, range(OFTEN + 1)), "once"], "nothing twice, nothing lost"


def test_a_name_that_is_given_already_does_no_harm(store: SqlStore) -> None:
    for _ in range(OFTEN):
        _ask(store)
    [(name, text)] = _say(store, f"SELECT name, statement {_OURS}")
    with closing(SqlStore(store._database.address.shown, "other")) as other:
        _say(other, str(text))
        for _ in range(OFTEN + 1):
            assert _ask(other) == [(42, "50%")]
        assert _names(other) == {name}


def test_a_plan_that_a_migration_has_overtaken_does_no_harm(store: SqlStore) -> None:
    kinds = Prepared("SELECT owner FROM turn WHERE name = :name")
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO turn (name, owner, epoch, until) VALUES ('x', '7', 1, now())"
        )
    for _ in range(OFTEN + 1):
        assert store._database.ask([(kinds, {"name": "x"})]) == [[("7",)]]
    with store._database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE turn ALTER owner TYPE integer USING owner::integer")
    assert store._database.ask([(kinds, {"name": "x"})]) == [[(7,)]]


def test_a_statement_that_fails_by_name_writes_nothing_and_is_heard_of(store: SqlStore) -> None:
    for n in range(OFTEN + 1):
        _tell(store, f"{n}")
    with pytest.raises(DatabaseError, match="division by zero"):
        _tell(store, "never", by=0)
    _tell(store, "again")
    assert _told(store) == [*map(str, range(OFTEN + 1)), "again"]
    assert len(_names(store)) == 1, "such an error is not about names"


@NEEDS_POOLER
def test_nothing_is_planned_behind_a_pooler() -> None:
    with fresh_database() as url, pooler(url) as pooled, _opened(pooled) as store:
        for n in range(OFTEN + 2):
            _release(store, f"b{n}")
        assert not _names(store)
