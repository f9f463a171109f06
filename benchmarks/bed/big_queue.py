"""Large queues, made by the database itself: rows as the program writes them, indexes afterwards."""

from contextlib import closing

import sqlalchemy as sa

from offpeakd.adapters.sql.schema import ensure

_FINISHED = "'succeeded'"
_MORE = 3000
_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    ),
}
"""Names and definitions, but for those that a key of a table brings along."""


def grow(url: str, *, queued: int, finished: int = 0, groups: int = 0) -> None:
    """Make a database with so many requests.

    Args:
        url: of an empty one.
        queued: ready requests of the target `t0`.
        finished: succeeded ones, with batches, attempts and events.
        groups: over how many groups `g0`, `g1` … the queued ones spread; 0 means the default one.
    """
    ensure(url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with closing(engine.connect()) as connection:
        _Growing(connection).grow(queued, finished, groups)
    engine.dispose()


class _Growing:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._lite = connection.dialect.name == "sqlite"

    def grow(self, queued: int, finished: int, groups: int) -> None:
        if self._lite:
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
                self._run(f"PRAGMA {pragma}")
        # As the database itself has them: a migration may have made them otherwise than `tables`.
        asked = self._connection.exec_driver_sql(_INDEXES[self._connection.dialect.name])
        indexes = dict(asked.all())
        for name in indexes:
            self._run(f"DROP INDEX {name}")
        # Finished ones are the older ones.
        self._finished(finished)
        self._queued(queued, f"'g' || (i % {groups})" if groups else "'default'")
        if queued and groups:
            # The first group may be the only open one, and has to last.
            self._queued(_MORE, "'g0'")
        self._run(
            "INSERT INTO event (request_id, at, kind, actor, state, detail)"
            " SELECT id, requested_at, 'added', 'bench', 'queued', '{}' FROM request"
        )
        for definition in indexes.values():
            self._run(definition)
        if self._lite:
            self._run("PRAGMA journal_mode = PERSIST")
        else:
            # As it would be a while after so many rows came in.
            self._run("VACUUM ANALYZE")
            self._run("CHECKPOINT")

    def _queued(self, number: int, group: str) -> None:
        if number:
            self._run(
                "INSERT INTO request (target, instance_id, group_name, requested_at)"
                f" SELECT 't0', {self._id()}, {group}, {self._now()} FROM {self._numbers(number)}"
            )

    def _finished(self, number: int) -> None:
        if not number:
            return
        now = self._now()
        yes = "1" if self._lite else "true"
        self._run(
            "INSERT INTO batch (id, target, group_name, size, owner, windows, signed_at, fenced,"
            " body_sha256, config_hash, tzdata_version, outcome, sent_at, finished_at)"
            f" SELECT 'b' || i, 't0', 'default', 10, 'o', '[\"w\"]', {now}, {yes}, 's', 'c', 'z',"
            f" 'answered', {now}, {now} FROM {self._numbers(number // 10)}"
        )
        self._run(
            "INSERT INTO request (target, instance_id, group_name, state, requested_at, attempts,"
            " attempt_id, batch_id, job_id, job_status, submitted_at, finished_at, changed_at)"
            f" SELECT 't0', {self._id()}, 'default', {_FINISHED}, {now}, 1, {self._hex()},"
            f" 'b' || (i / 10), 'j' || i, 'Completed', {now}, {now}, {now}"
            f" FROM {self._numbers(number)}"
        )
        self._run(
            "INSERT INTO attempt (id, batch_id, request_id, target, instance_id, owner, signed_at,"
            " fenced, sent_at, finished_at, outcome, job_id)"
            f" SELECT attempt_id, batch_id, id, target, instance_id, 'o', submitted_at, {yes},"
            " submitted_at, finished_at, 'accepted', job_id FROM request"
        )
        for kind in ("claimed", "accepted", "succeeded"):
            self._run(
                "INSERT INTO event (request_id, at, kind, actor, state, detail)"
                f" SELECT id, finished_at, '{kind}', 'offpeakd', {_FINISHED}, '{{}}' FROM request"
            )

    def _numbers(self, number: int) -> str:
        if self._lite:
            return (
                "(WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers"
                f" WHERE i < {number - 1}) SELECT i FROM numbers)"
            )
        return f"generate_series(0, {number - 1}) AS numbers(i)"

    def _id(self) -> str:
        return f"{self._hex()} || 'in02'"

    def _hex(self) -> str:
        return "lower(hex(randomblob(16)))" if self._lite else "md5(random()::text)"

    def _now(self) -> str:
        return "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')" if self._lite else "now()"

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(
            statement.replace("%", "%%") if not self._lite else statement
        )
