"""The schema: made, recognised, upgraded, refused; and the same by either way of making it."""

import hashlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from fakes.postgres import fresh_database
from fakes.wishes import wish
from offpeakd.adapters.sql import follow_up
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.definitions import make_all
from offpeakd.adapters.sql.drivers import prepare_file
from offpeakd.adapters.sql.schema import (
    LATEST,
    Schema,
    Standing,
    check,
    current,
    ensure,
    upgrade,
)
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.errors import DatabaseError, SchemaError
from offpeakd.core.model import LIVE, State
from offpeakd.ports import Filter
from offpeakd.share import path_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "offpeakd.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, file: Path) -> Iterator[str]:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{file}"
    else:
        with fresh_database(empty=True) as url:
            yield url


def _sql(url: str, *statements: str) -> None:
    database = Database(address_of(url))
    with database.write() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    database.close()


def test_the_newest_migration_is_the_schema_this_program_needs() -> None:
    scripts = ScriptDirectory(str(path_of("alembic")))
    assert scripts.get_heads() == [LATEST]


def test_the_folder_of_migrations_never_shadows_the_library() -> None:
    assert not (path_of("alembic") / "__init__.py").exists()


def test_an_empty_database_gets_the_schema(empty: str) -> None:
    assert current(empty) == Schema(Standing.EMPTY)
    ensure(empty)
    ensure(empty)
    assert current(empty) == Schema(Standing.CURRENT, LATEST)
    assert check(empty) == ()
    assert upgrade(empty, NOW).backup is None


def test_many_may_make_the_schema_at_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ensure, [empty] * 4)) == [None] * 4
    assert check(empty) == ()


def test_looking_makes_no_file(file: Path) -> None:
    assert current(f"sqlite:///{file}").standing is Standing.EMPTY
    assert check(f"sqlite:///{file}") != ()
    assert list(file.parent.iterdir()) == []


def test_the_file_is_for_its_owner_alone(file: Path) -> None:
    ensure(f"sqlite:///{file}")
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_older_schema_is_refused_and_upgraded_on_demand(empty: str) -> None:
    ensure(empty)
    _sql(empty, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaError, match="offpeakd db upgrade") as refused:
        ensure(empty)
    assert refused.value.exit_code == 6
    assert current(empty) == Schema(Standing.OLDER, "0000")


def test_a_newer_schema_is_refused(empty: str) -> None:
    ensure(empty)
    _sql(empty, "UPDATE alembic_version SET version_num = '9999'")
    for use in (ensure, check, lambda url: upgrade(url, NOW)):
        with pytest.raises(SchemaError, match="written by a newer offpeakd"):
            use(empty)
    assert current(empty) == Schema(Standing.NEWER, "9999")


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(["CREATE TABLE theirs (x INTEGER)"], id="without versions"),
        pytest.param(
            [
                "CREATE TABLE theirs (x INTEGER)",
                "CREATE TABLE alembic_version (version_num VARCHAR(32))",
                "INSERT INTO alembic_version VALUES ('0001')",
            ],
            id="with versions of its own",
        ),
    ],
)
def test_another_programs_database_is_refused(empty: str, tables: list[str]) -> None:
    if empty.startswith("sqlite"):
        Path(empty.removeprefix("sqlite:///")).touch()
    _sql(empty, *tables)
    for use in (ensure, check, lambda url: upgrade(url, NOW)):
        with pytest.raises(SchemaError, match="another program's tables"):
            use(empty)
    assert current(empty) == Schema(Standing.FOREIGN)


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("version", ["foreign", "9999", "0000"])
def test_a_refused_file_keeps_every_byte(file: Path, journal: str, version: str) -> None:
    if version != "foreign":
        ensure(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        if version == "foreign":
            connection.execute("CREATE TABLE theirs (x)")
        else:
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    before = hashlib.sha256(file.read_bytes()).digest()
    with pytest.raises(SchemaError):
        ensure(f"sqlite:///{file}")
    assert hashlib.sha256(file.read_bytes()).digest() == before


def test_an_upgrade_that_fails_leaves_the_file_and_its_backup_as_they_were(file: Path) -> None:
    url = f"sqlite:///{file}"
    ensure(url)
    _sql(url, "INSERT INTO control VALUES ('*', 'pause', 'r', 'a', '2026', NULL, 1)")
    # No such migration was ever written: the library can't find its way from there.
    _sql(url, "UPDATE alembic_version SET version_num = '0000'")
    before = _content(file)
    with pytest.raises(SchemaError, match="0000"):
        upgrade(url, NOW)
    backup = file.with_name("offpeakd.db.0000-20260304T050607Z.bak")
    assert _content(file) == before
    assert _content(backup) == before
    assert backup.stat().st_mode & 0o777 == 0o600
    assert not backup.with_name(f"{backup.name}-journal").exists()
    with pytest.raises(DatabaseError, match="can't be made: File exists"):
        upgrade(url, NOW)


def _content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_a_damaged_schema_is_found(empty: str) -> None:
    ensure(empty)
    _sql(empty, "DROP VIEW follow_up", "DROP INDEX ix_request_claim")
    index, view = check(empty)
    assert "ix_request_claim" in index
    assert view == "the view follow_up is missing"


def test_rows_that_refer_to_nothing_are_found(file: Path) -> None:
    ensure(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "INSERT INTO event (request_id, at, kind, actor, detail) VALUES (7, '', '', '', '{}')"
        )
        connection.commit()
    assert check(f"sqlite:///{file}") == ("row 1 of event refers to a request that is gone",)


def test_migrations_and_tables_make_the_same_sqlite_schema(tmp_path: Path) -> None:
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    ensure(f"sqlite:///{migrated}")
    made.touch()
    _create_all(f"sqlite:///{made}")
    wanted = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' ORDER BY name"
    schemas: list[list[Any]] = []
    for file in (migrated, made):
        with closing(sqlite3.connect(file)) as connection:
            schemas.append(connection.execute(wanted).fetchall())
    assert [name for name, _ in schemas[0]] == [name for name, _ in schemas[1]]
    for one, other in zip(*schemas, strict=True):
        assert _normal(one[1]) == _normal(other[1])


def _normal(statement: str | None) -> list[str]:
    return sorted((statement or "").replace(",", " ").split())


def test_migrations_and_tables_make_the_same_postgresql_schema() -> None:
    with fresh_database(empty=True) as migrated, fresh_database(empty=True) as made:
        ensure(migrated)
        _create_all(made)
        assert _catalog(migrated) == _catalog(made)


_CATALOG = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', ''
FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'view', viewname, '', definition, '', '', ''
FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgname, '', pg_get_triggerdef(oid), '', '', ''
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, '', prosrc, '', '', ''
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def _catalog(url: str) -> list[tuple[str, ...]]:
    database = Database(address_of(url))
    with database.read() as connection:
        rows = connection.exec_driver_sql(_CATALOG).all()
    database.close()
    found = [tuple(str(value) for value in row) for row in rows]
    assert {row[0] for row in found} == {
        "column",
        "index",
        "constraint",
        "view",
        "trigger",
        "function",
    }
    return sorted(row for row in found if "alembic_version" not in row[1])


def _create_all(url: str) -> None:
    database = Database(address_of(url))
    with database.write() as connection:
        make_all(connection)
    database.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_view_shows_what_its_documentation_says(dialect: str) -> None:
    words = follow_up.definition(dialect)
    for column in ("what", "since", "error_code", "job_id", "batch_id", "requested_by"):
        assert column in words


def _at_the_first_schema(url: str) -> None:
    """As the first version of the program made it, with a queue in it."""
    _migrated_to("0001", url)
    _sql(
        url,
        "INSERT INTO request (target, instance_id, state, requested_at)"
        " VALUES ('prod', 'i0', 'queued', '2026-03-04T05:06:07.000000Z'),"
        " ('prod', 'i1', 'queued', '2026-03-04T05:06:07.000000Z'),"
        " ('prod', 'i2', 'running', '2026-03-04T05:06:07.000000Z'),"
        " ('prod', 'i3', 'failed', '2026-03-04T05:06:07.000000Z')",
        "INSERT INTO lease (owner, host, pid, version, targets, started_at, beat_at,"
        " renewed_at, epoch, config_hash) VALUES ('one', 'h', 1, '0', '[]',"
        " '2026-03-04T05:06:07.000000Z', '2026-03-04T05:06:07.000000Z',"
        " '2026-03-04T05:06:07.000000Z', 1, 'c')",
    )


def _migrated_to(version: str, url: str) -> None:
    address = address_of(url)
    if address.file is not None:
        prepare_file(address.file)
    database = Database(address)
    with database.write() as connection:
        if not connection.in_transaction():
            connection.begin()
        config = Config()
        config.set_main_option("script_location", str(path_of("alembic")))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    database.close()


def _counts(url: str) -> dict[tuple[str, State], int]:
    with closing(SqlStore(url, "reader")) as store:
        return dict(store.counts())


def test_an_older_database_is_brought_up_to_date_with_what_is_in_it(empty: str) -> None:
    _at_the_first_schema(empty)
    assert current(empty) == Schema(Standing.OLDER, "0001")
    assert upgrade(empty, NOW).after == LATEST
    assert check(empty) == ()
    assert _counts(empty) == {
        ("prod", State.QUEUED): 2,
        ("prod", State.RUNNING): 1,
        ("prod", State.FAILED): 1,
    }
    with closing(SqlStore(empty, "reader")) as store:
        [daemon] = store.daemons()
    assert (daemon.owner, dict(daemon.holds), daemon.clock_offset) == ("one", {}, None)


def test_a_writer_of_the_older_schema_goes_on_beside_the_newer(empty: str) -> None:
    """Its statements name what it knows; the rest has defaults, and counts keep themselves."""
    _at_the_first_schema(empty)
    upgrade(empty, NOW)
    _sql(
        empty,
        "UPDATE request SET state = 'submitting', attempt_id = 'a' WHERE instance_id = 'i0'",
        "INSERT INTO request (target, instance_id, state, requested_at)"
        " VALUES ('prod', 'i9', 'queued', '2026-03-04T05:06:07Z')",
        "DELETE FROM request WHERE instance_id = 'i3'",
    )
    assert _counts(empty) == {
        ("prod", State.QUEUED): 2,
        ("prod", State.RUNNING): 1,
        ("prod", State.SUBMITTING): 1,
    }
    assert check(empty) == ()


def test_a_migration_that_is_interrupted_leaves_the_older_schema_whole(empty: str) -> None:
    _at_the_first_schema(empty)
    # The last step but a few of the migration stumbles over this.
    _sql(empty, "CREATE TABLE tally (x INTEGER)")
    before = _counted(empty)
    with pytest.raises(DatabaseError):
        upgrade(empty, NOW)
    assert current(empty) == Schema(Standing.OLDER, "0001")
    assert _counted(empty) == before
    _sql(empty, "DROP TABLE tally")
    later = NOW.replace(hour=7)
    assert upgrade(empty, later).before == "0001"
    assert check(empty) == ()


def test_ends_that_do_not_fit_are_mended_before_live_requests_are_told_by_them(empty: str) -> None:
    """Nothing but a hand has written these."""
    _migrated_to("0002", empty)
    _sql(
        empty,
        "INSERT INTO request (target, instance_id, state, requested_at, changed_at, finished_at)"
        " VALUES ('prod', 'i0', 'queued', '2026-03-04T05:00:00.000000Z', NULL,"
        " '2026-03-04T06:00:00.000000Z'),"
        " ('prod', 'i1', 'failed', '2026-03-04T05:00:00.000000Z',"
        " '2026-03-04T06:00:00.000000Z', NULL),"
        " ('prod', 'i1', 'running', '2026-03-04T05:00:00.000000Z', NULL, NULL),"
        " ('prod', 'i2', 'succeeded', '2026-03-04T05:00:00.000000Z', NULL,"
        " '2026-03-04T06:00:00.000000Z')",
    )
    upgrade(empty, NOW)
    with closing(SqlStore(empty, "reader")) as store:
        ends = {one.state: one.finished_at for one in store.page(Filter(), 0, 9)}
    six = datetime(2026, 3, 4, 6, tzinfo=UTC)
    assert ends == {
        State.QUEUED: None,
        State.FAILED: six,
        State.RUNNING: None,
        State.SUCCEEDED: six,
    }
    assert check(empty) == ()


def test_json_that_was_written_as_a_string_becomes_json() -> None:
    """Earlier builds did so on PostgreSQL."""
    with fresh_database(empty=True) as url:
        _migrated_to("0002", url)
        _sql(
            url,
            "INSERT INTO event (at, kind, actor, detail)"
            """ VALUES (now(), 'added', 'ann', to_jsonb('{"job_id": "j"}'::text)),"""
            """ (now(), 'added', 'ann', '{"job_id": "k"}')""",
        )
        upgrade(url, NOW)
        with closing(Database(address_of(url))) as database, database.read() as connection:
            found = connection.exec_driver_sql("SELECT detail ->> 'job_id' FROM event ORDER BY id")
            assert found.scalars().all() == ["j", "k"]


@pytest.mark.parametrize("way", ["made", "upgraded"])
def test_the_database_itself_lets_no_live_request_have_an_end(empty: str, way: str) -> None:
    """It would not count as live where a second one is asked for."""
    if way == "made":
        ensure(empty)
    else:
        _at_the_first_schema(empty)
        upgrade(empty, NOW)
    asked = "INSERT INTO request (target, instance_id, state, requested_at, finished_at) VALUES"
    change, at = "UPDATE request SET", "'2026-03-04T05:00:00.000000Z'"
    _sql(
        empty, f"{asked} ('prod', 'i7', 'failed', {at}, {at}), ('prod', 'i8', 'queued', {at}, NULL)"
    )
    for state in sorted(LIVE):
        for wrong in (
            f"{asked} ('prod', 'i9', '{state}', {at}, {at})",
            f"{change} state = '{state}' WHERE instance_id = 'i7'",
            f"{change} state = '{state}', finished_at = {at} WHERE instance_id = 'i8'",
        ):
            with pytest.raises(DatabaseError):
                _sql(empty, wrong)
    _sql(empty, "UPDATE request SET state = 'queued', finished_at = NULL WHERE instance_id = 'i7'")
    with pytest.raises(DatabaseError):
        _sql(empty, f"{asked} ('prod', 'i7', 'queued', {at}, NULL)")
    assert check(empty) == ()


def test_a_rule_that_is_gone_and_a_request_that_needs_an_end_are_found(empty: str) -> None:
    ensure(empty)
    gone = "the check ck_request_end is missing"
    drop = "ALTER TABLE request DROP CONSTRAINT ck_request_end"
    if empty.startswith("sqlite"):
        gone = "the trigger request_end_changed is missing"
        drop = "DROP TRIGGER request_end_changed"
    _sql(
        empty,
        drop,
        "INSERT INTO request (target, instance_id, state, requested_at)"
        " VALUES ('prod', 'i1', 'expired', '2026-03-04T05:06:07Z')",
    )
    assert check(empty) == (gone, "1 final requests have no finished_at")


def _counted(url: str) -> list[tuple[Any, ...]]:
    database = Database(address_of(url))
    with database.read() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        columns = sorted(one["name"] for one in sa.inspect(connection).get_columns("lease"))
        rows = connection.exec_driver_sql("SELECT id, state FROM request ORDER BY id").all()
    database.close()
    return [(*names, *columns), *(tuple(row) for row in rows)]


def test_counts_that_are_not_true_any_more_are_found(empty: str) -> None:
    ensure(empty)
    _sql(
        empty,
        "INSERT INTO request (target, instance_id, requested_at)"
        " VALUES ('prod', 'i1', '2026-03-04T05:06:07Z')",
        "UPDATE tally SET number = 7",
    )
    [found] = check(empty)
    assert found == "1 requests of target prod are queued; 7 were counted"


def test_a_lost_trigger_is_found(empty: str) -> None:
    ensure(empty)
    on_table = "" if empty.startswith("sqlite") else " ON request"
    _sql(empty, f"DROP TRIGGER tally_changed{on_table}")
    assert check(empty) == ("the trigger tally_changed is missing",)


def test_a_database_without_an_encoding_takes_our_schema_and_gives_text_back() -> None:
    with fresh_database(empty=True, encoding="SQL_ASCII") as url:
        ensure(url)
        store = SqlStore(url, "me")
        (added,) = store.add([wish(1, reason="spät")], "ann")
        assert store.get(added.request.id) == added.request
        store.close()
