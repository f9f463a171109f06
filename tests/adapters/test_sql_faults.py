"""What goes wrong with a database, as a person reads it."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.postgres import address, fresh_database
from fakes.wishes import moved, wish
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.drivers import LOCK_PATIENCE
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.errors import DatabaseConflictError, DatabaseError
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    return url


def _failure_of_adding(url: str, lock_patience: timedelta = LOCK_PATIENCE) -> str:
    store = SqlStore(url, "me", lock_patience=lock_patience)
    try:
        with pytest.raises(DatabaseError) as failure:
            store.add([wish(number, reason="x" * 500) for number in range(200)], "ann")
    finally:
        store.close()
    assert failure.value.exit_code == 6
    assert failure.value.fix
    return str(failure.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "offpeakd.db"
    file.write_bytes(b"no database at all, but a page long\n" * 50)
    with pytest.raises(DatabaseError, match=rf"{file} is not a SQLite database.*NOTADB"):
        ensure(f"sqlite:///{file}")


def test_a_damaged_file_is_told_as_damage(url: str, tmp_path: Path) -> None:
    file = tmp_path / "offpeakd.db"
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096))
    assert "is damaged (SQLITE_CORRUPT" in _failure_of_adding(url)


def test_a_locked_file_is_told_after_some_patience(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "offpeakd.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        said = _failure_of_adding(url, lock_patience=timedelta(milliseconds=20))
    assert "is locked by another program (SQLITE_BUSY)" in said


def test_a_full_disk_is_told_and_nothing_is_half_written(url: str) -> None:
    store = SqlStore(url, "me")
    with store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 45")
    with pytest.raises(DatabaseError, match=r"the disk is full.*\(SQLITE_FULL\)"):
        store.add([wish(number, reason="x" * 500) for number in range(2000)], "ann")
    assert store.page(Filter(), 0, 1) == ()
    store.close()


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere .*install -d -m 0700"):
        ensure(f"sqlite:///{tmp_path}/nowhere/offpeakd.db")


def test_a_folder_in_which_everybody_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(DatabaseError, match="everybody may write"):
        ensure(f"sqlite:///{tmp_path}/offpeakd.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "offpeakd.db").mkdir()
    with pytest.raises(DatabaseError, match=r"offpeakd\.db can't be opened"):
        ensure(f"sqlite:///{tmp_path}/offpeakd.db")


@pytest.mark.parametrize(
    "text",
    ["", "offpeakd.db", "mysql://user:hunter2@host/x", "sqlite://", "sqlite:///:memory:", "://"],
)
def test_an_address_that_names_no_usable_database_is_refused(text: str) -> None:
    with pytest.raises(DatabaseError, match=r"database\.url") as failure:
        address_of(text)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_each_of_its_names(scheme: str) -> None:
    found = address_of(f"{scheme}://ann:hunter2@host:5432/x?sslpassword=hunter2")
    assert found.parameters["sslpassword"] == found.parameters["password"] == "hunter2"
    assert found.shown == "postgresql+psycopg://ann:***@host:5432/x"
    assert "hunter2" not in found.shown
    assert "hunter2" not in repr(found)


def test_a_server_that_isnt_there_is_told_without_the_password() -> None:
    with pytest.raises(DatabaseError, match="can't be reached") as failure:
        ensure("postgresql://ann:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("option", ["prepare_threshold=0", "autocommit=1", "nonsense=1"])
def test_an_option_that_is_none_of_the_servers_is_told(option: str) -> None:
    with pytest.raises(DatabaseError, match=f'option "{option.partition("=")[0]}"') as failure:
        ensure(f"postgresql://ann:hunter2@127.0.0.1:1/x?{option}")
    assert "Take it out of database.url" in failure.value.fix
    assert "hunter2" not in str(failure.value)


def test_a_database_that_isnt_there_is_named() -> None:
    with pytest.raises(DatabaseError, match=r"nothing_here"):
        ensure(address("nothing_here"))


def test_a_connection_that_died_meanwhile_is_replaced() -> None:
    with fresh_database() as url:
        store, other = SqlStore(url, "me"), SqlStore(url, "other")
        assert store.counts() == {}
        with other._database.write() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert store.counts() == {}
        store.close()
        other.close()


def test_a_writer_whom_another_forestalled_is_told_to_try_again(url: str) -> None:
    """The database is sound: nothing has to stop for it."""
    store = SqlStore(url, "me")
    finished: list[Request] = []
    for _ in range(2):
        (added,) = store.add([wish(1)], "ann")
        change = moved(added.request, State.FAILED)
        store.apply([change])
        finished.append(change.after)
    back = [moved(one, State.QUEUED) for one in finished]
    with pytest.raises(DatabaseConflictError, match=r"each other's way .*Try again"):
        store.apply(back)
    store.close()
