"""SQLite's journal, which stays beside the file between transactions."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes.wishes import instance_id, wish
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.schema import check, ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import Database

HEADER = 28
KEPT = 4 * 2**20
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "offpeakd.db"


@pytest.fixture
def journal(file: Path) -> Path:
    return file.with_name("offpeakd.db-journal")


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    ensure(f"sqlite:///{file}")
    store = SqlStore(f"sqlite:///{file}", "me")
    yield store
    store.close()


def number_of(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        [(number,)] = connection.execute("SELECT count(*) FROM request")
    return int(number)


def test_the_journal_of_a_transaction_that_is_over_has_an_empty_header(
    store: SqlStore, journal: Path
) -> None:
    store.add([wish(1)], "ann")

    content = journal.read_bytes()
    assert content[:HEADER] == bytes(HEADER)
    assert len(content) > HEADER


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_the_journal_may_be_read_by_whom_the_file_may(
    store: SqlStore, file: Path, journal: Path, mode: int
) -> None:
    file.chmod(mode)
    journal.unlink()
    store.add([wish(1)], "ann")

    assert journal.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_journal_that_root_makes_belongs_to_the_owner_of_the_file(
    store: SqlStore, file: Path, journal: Path
) -> None:
    """A command that root runs must not shut the daemon out."""
    os.chown(file, NOBODY, NOBODY)
    journal.unlink()
    store.add([wish(1)], "root")

    assert (journal.stat().st_uid, journal.stat().st_gid) == (NOBODY, NOBODY)


def test_a_copy_without_the_journal_has_everything(
    store: SqlStore, file: Path, tmp_path: Path
) -> None:
    store.add([wish(n) for n in range(50)], "ann")
    store.close()
    copy = Path(shutil.copy(file, tmp_path / "copy.db"))

    assert check(f"sqlite:///{copy}") == ()
    assert number_of(copy) == 50


def test_a_journal_that_was_left_behind_does_nothing_to_an_older_copy(
    store: SqlStore, file: Path, journal: Path, tmp_path: Path
) -> None:
    store.add([wish(1)], "ann")
    older = Path(shutil.copy(file, tmp_path / "older.db"))
    store.add([wish(n) for n in range(2, 200)], "ann")
    store.close()
    older.replace(file)

    assert journal.stat().st_size > HEADER
    assert check(f"sqlite:///{file}") == ()
    assert number_of(file) == 1
    with closing(SqlStore(f"sqlite:///{file}", "me")) as again:
        again.add([wish(2)], "ann")
    assert number_of(file) == 2


def test_another_connection_of_the_program_uses_the_same_journal(
    store: SqlStore, file: Path, journal: Path
) -> None:
    store.add([wish(1)], "ann")
    first = journal.stat().st_ino
    with closing(SqlStore(f"sqlite:///{file}", "command")) as command:
        command.add([wish(2)], "bob")
    store.add([wish(3)], "ann")

    assert journal.stat().st_ino == first
    assert number_of(file) == 3


def test_a_program_that_deletes_the_journal_may_write_in_between(
    store: SqlStore, file: Path, journal: Path
) -> None:
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        for number in range(3):
            store.add([wish(number)], "ann")
            assert journal.exists()
            other.execute("UPDATE request SET reason = 'by hand'")
            other.commit()
            assert not journal.exists()
    store.add([wish(3)], "ann")

    assert check(f"sqlite:///{file}") == ()
    assert number_of(file) == 4
    standing = store.latest(instance_id(0))
    assert standing is not None
    assert standing.reason == "by hand"


def test_a_file_that_another_program_left_in_wal_mode_has_its_journal_again(
    store: SqlStore, file: Path, journal: Path
) -> None:
    store.close()
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE theirs (x)")
    store.add([wish(1)], "ann")

    assert journal.exists()
    assert not file.with_name("offpeakd.db-wal").exists()
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_large_transaction_leaves_no_large_journal(file: Path, journal: Path) -> None:
    file.touch(0o600)
    database = Database(address_of(f"sqlite:///{file}"))
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE large (page TEXT)")
        for _ in range(1000):
            connection.exec_driver_sql("INSERT INTO large VALUES (hex(randomblob(4000)))")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE large SET page = lower(page)")
        assert journal.stat().st_size > KEPT
    database.close()

    assert journal.stat().st_size == KEPT
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_transaction_that_is_taken_back_leaves_an_empty_header_too(
    store: SqlStore, file: Path, journal: Path
) -> None:
    store.add([wish(1)], "ann")
    with contextlib.suppress(RuntimeError), store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM request")
        raise RuntimeError

    assert journal.read_bytes()[:HEADER] == bytes(HEADER)
    assert number_of(file) == 1
