"""Every statement that the store runs reads the large tables by an index, on both databases.

The statements are those that really reach the driver, with their values: each is recorded while
the store does everything that a tick or a command asks of it, and explained afterwards.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from typing_extensions import override

from fakes.postgres import fresh_database
from fakes.wishes import ANSWERED, NOON, accepted, batch_of, instance_id, moved, wish
from offpeakd.adapters.sql import tally
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.single_messages import Begun, Hear
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import Database, Question
from offpeakd.core.batch import as_claimed
from offpeakd.core.lane import Stop
from offpeakd.core.model import IN_FLIGHT, State
from offpeakd.core.seen import Instance
from offpeakd.ports import DaemonRow, Filter, Limits

if TYPE_CHECKING:
    from pathlib import Path

LATER = NOON + timedelta(days=1)
HOUR = timedelta(hours=1)
QUEUED, ENDED = 12_000, 6_000

_LARGE = ("request", "attempt", "event", "batch")
_SMALL_BY_ITS_CONDITION = (
    "ix_request_deadline",
    "ix_request_finished",
    "ix_request_follow_up",
    "ix_request_in_flight",
    "ix_request_waiting",
)
"""Indexes that hold only the rows that are asked for, in the order in which they are."""


@dataclass
class Recorder:
    """Statements as the driver was given them.

    Attributes:
        statements: each with its values.
    """

    statements: dict[str, Any] = field(default_factory=dict)

    def hear(self, statement: str, values: Any = None) -> None:
        """Keep one that may be explained."""
        words = statement.strip()
        if re.match(r"(?i)(SELECT|WITH|INSERT|UPDATE|DELETE)\b", words):
            self.statements[words] = values


@dataclass
class Site:
    """A store on a large queue, and what it runs."""

    store: SqlStore
    recorder: Recorder

    def explained(self) -> Iterator[tuple[str, str]]:
        """Each statement with its plan."""
        statements = dict(self.recorder.statements)
        sqlite = self.store._database.is_sqlite
        for statement, values in statements.items():
            with self.store._database.read() as connection:
                if sqlite:
                    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
                else:
                    cursor = connection.connection.cursor()
                    cursor.execute(f"EXPLAIN {statement}", values)
                    rows = cursor.fetchall()
            yield statement, "\n".join(str(row[-1]) for row in rows)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("plans")
        url = f"sqlite:///{folder}/offpeakd.db"
        ensure(url)
        yield from _site(url)
    else:
        with fresh_database() as url:
            yield from _site(url)


def _site(url: str) -> Iterator[Site]:
    store = SqlStore(url, "me")
    store.add(
        [
            wish(n, group=f"g{n % 7}", wait_until=LATER if n % 10 == 0 else None)
            for n in range(QUEUED)
        ],
        "ann",
    )
    ended = [
        wish(n, state=State.SUCCEEDED, finished_at=NOON + n * timedelta(seconds=1), job_id=f"j{n}")
        for n in range(QUEUED, QUEUED + ENDED)
    ]
    store.add(ended, "ann")
    with store._database.write() as connection:
        for statement in (_BATCHES, _ATTEMPTS):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("ANALYZE")
    recorder = Recorder()
    _listen(store, recorder)
    yield Site(store, recorder)
    store.close()


_BATCHES = """
INSERT INTO batch (id, target, group_name, size, owner, windows, signed_at, fenced, body_sha256,
  config_hash, tzdata_version)
SELECT 'b' || id, target, group_name, 1, 'past', '[]', requested_at, true, '', '', ''
FROM request WHERE state = 'succeeded'
"""
_ATTEMPTS = """
INSERT INTO attempt (id, batch_id, request_id, target, instance_id, owner, signed_at, fenced,
  outcome)
SELECT 'a' || id, 'b' || id, id, target, instance_id, 'past', requested_at, true, 'accepted'
FROM request WHERE state = 'succeeded'
"""


def _listen(store: SqlStore, recorder: Recorder) -> None:
    """Open connections anew, with ears."""
    database = store._database
    database.close()
    if database.is_sqlite:
        _listen_to_sqlite(database, recorder)
    else:
        _listen_to_postgresql(database, recorder)


def _listen_to_sqlite(database: Database, recorder: Recorder) -> None:
    def listen(driver: Any) -> None:
        driver.set_trace_callback(recorder.hear)

    _with_each_driver(database, listen)


def _with_each_driver(database: Database, do: Callable[[Any], None]) -> None:
    connections = database._connections
    connect = connections._connect

    def connected() -> Connection:
        connection = connect()
        do(connection.driver)
        return connection

    connections._connect = connected


class Heard(Database):
    """Tells what it sends as one message, statement by statement."""

    recorder: Recorder

    @override
    def ask(self, questions: Any, *, locks: bool = False) -> list[list[tuple[Any, ...]]]:
        self._tell_questions(questions)
        return super().ask(questions, locks=locks)

    @override
    def write_whole(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str = "",
        begun: Begun | None = None,
        *,
        lasting: bool = True,
    ) -> list[tuple[Any, ...]]:
        self._tell(texts, values)
        return super().write_whole(texts, values, lock, begun, lasting=lasting)

    @override
    def write_and_ask(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str,
        begun: Begun | None,
        *parts: Sequence[Question],
    ) -> tuple[list[tuple[Any, ...]], tuple[Hear, ...]]:
        self._tell(texts, values)
        for questions in parts:
            self._tell_questions(questions)
        return super().write_and_ask(texts, values, lock, begun, *parts)

    @override
    def begin_whole(self, texts: Sequence[str], values: Mapping[str, Any]) -> Begun | None:
        self._tell(texts, values)
        return super().begin_whole(texts, values)

    def _tell(self, texts: Sequence[str], values: Mapping[str, Any]) -> None:
        for text in texts:
            self.recorder.hear(text, values)

    def _tell_questions(self, questions: Sequence[Question]) -> None:
        for statement, given in questions:
            self.recorder.hear(statement.text(self.dialect), self.dialect.into(given))


def _listen_to_postgresql(database: Database, recorder: Recorder) -> None:
    class Hearing(psycopg.Cursor[Any]):
        @override
        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            recorder.hear(str(query), params)
            return super().execute(query, params, **more)

        @override
        def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
            rows = list(params_seq)
            recorder.hear(str(query), rows[0])
            super().executemany(query, rows, **more)

    def listen(driver: Any) -> None:
        driver.cursor_factory = Hearing

    _with_each_driver(database, listen)
    database.__class__ = Heard
    cast("Heard", database).recorder = recorder


def _a_release(store: SqlStore) -> None:
    store.beat(DaemonRow("me", "host", 1, "1", ("prod",), NOON, NOON, "c0ffee"))
    store.lane("prod", NOON)
    store.lane("prod", LATER)
    assert len(store.lane("prod", NOON, ("g3",), 10).first or ()) == 10
    batch = batch_of(store.ready("prod", "g3", 10), owner="me")
    behind = store.claim(batch, Limits(500, 500), ahead=10).behind
    assert behind is not None
    assert behind.read() is not None
    claimed = as_claimed(batch)
    changes = [accepted(one, f"job-{one.id}") for one in claimed[:8]]
    changes += [moved(one, State.UNKNOWN, unknown_since=NOON) for one in claimed[8:]]
    assert store.record(batch.id, ANSWERED, changes) == ()
    assert store.apply([replace(one, after=one.before) for one in changes[:2]]) != ()
    store.known_jobs("prod", [one.instance_id for one in claimed])
    for one in claimed[:2]:
        assert store.batch_of(str(one.attempt_id)) is not None


def _chores(store: SqlStore) -> None:
    store.overdue_requests(NOON, 500)
    store.abandoned("me", 500)
    for state in IN_FLIGHT:
        store.in_flight("prod", frozenset({state}), 0, 500)
    store.in_flight("prod", IN_FLIGHT, 0, 500)
    assert store.forget_finished(NOON + (QUEUED + 50) * timedelta(seconds=1), 200) == 50
    tally.fold(store._database)
    for owner in ("me", "other"):
        store.take_turn("retention", owner, HOUR)
    store.take_call("prod", 60)
    store.high_water(NOON)
    store.daemons()
    store.leave("nobody")


def _commands(store: SqlStore) -> None:
    store.counts()
    store.add([wish(n) for n in range(5)], "ann")
    one = store.get(17)
    assert one is not None
    store.latest(one.instance_id)
    store.ahead_of(one)
    store.events(one.id)
    store.attempts(one.id)
    store.put_stop(Stop("prod", "pause", "r", "ann", NOON))
    store.stops()
    store.lift_stop("prod", frozenset({"pause"}), "ann", "done")
    store.see_instances("prod", [Instance(instance_id(1), NOON)])
    store.instance("prod", instance_id(1))


def _listings(store: SqlStore) -> None:
    queued, failed = frozenset({State.QUEUED}), frozenset({State.FAILED})
    for which in (
        Filter(),
        Filter(states=queued),
        Filter(states=queued | failed),
        Filter(states=failed, targets=frozenset({"prod"})),
        Filter(targets=frozenset({"prod"})),
        Filter(instance_id=instance_id(5)),
        Filter(follow_up=True),
        Filter(follow_up=True, targets=frozenset({"prod"})),
    ):
        store.page(which, 0, 50)
        store.page(which, 9000, 50)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(_a_release, id="a release"),
        pytest.param(_chores, id="chores"),
        pytest.param(_commands, id="commands"),
        pytest.param(_listings, id="listings"),
    ],
)
def test_no_statement_reads_a_whole_table(site: Site, asked: Callable[[SqlStore], None]) -> None:
    site.recorder.statements.clear()
    asked(site.store)
    plans = dict(site.explained())
    assert len(plans) > 5
    assert {one: plan for one, plan in plans.items() if _reads_it_all(one, plan)} == {}


def _reads_it_all(statement: str, plan: str) -> bool:
    return _walks_by_number(statement, plan) or any(
        _is_a_full_scan(line) for line in plan.splitlines()
    )


def _walks_by_number(statement: str, plan: str) -> bool:
    """From a number on is a page where nothing else is asked, and else a scan in disguise."""
    _, _, conditions = statement.partition("WHERE")
    return "(rowid>?)" in plan and (" AND " in conditions or "follow_up" in statement)


def _is_a_full_scan(line: str) -> bool:
    tables = "|".join(_LARGE)
    if re.search(rf"Seq Scan on ({tables})\b", line):
        return True
    scanned = re.match(rf"SCAN ({tables})\b(?P<how>.*)", line)
    return scanned is not None and not any(
        name in scanned["how"] for name in _SMALL_BY_ITS_CONDITION
    )


@pytest.mark.parametrize(
    ("statement", "is_found"),
    [
        pytest.param("SELECT count(*) FROM request WHERE reason = 'x'", True, id="a scan"),
        pytest.param("SELECT id FROM request WHERE id = 4", False, id="a look"),
        pytest.param("SELECT id FROM request WHERE id > 4 ORDER BY id LIMIT 9", False, id="a page"),
    ],
)
def test_a_scan_would_be_found(site: Site, statement: str, *, is_found: bool) -> None:
    site.recorder.statements.clear()
    with site.store._database.read() as connection:
        connection.exec_driver_sql(statement)
    [plan] = dict(site.explained()).values()
    assert _reads_it_all(statement, plan) is is_found
