"""Which failures of a database mean that what is open can't be relied on any more."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.wishes import NOON, added, batch_of, wish
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.faults import translate
from offpeakd.adapters.sql.opened_file import OpenedFile
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.errors import DatabaseError, DatabaseUntrustedError
from offpeakd.core.lane import Stop


def a_failure(name: str) -> sqlite3.OperationalError:
    """An error as the driver raises it, with SQLite's extended code in words."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "offpeakd.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    ensure(f"sqlite:///{file}")
    store = SqlStore(f"sqlite:///{file}", "me", lock_patience=timedelta(milliseconds=20))
    yield store
    store.close()


@pytest.mark.parametrize(
    "name",
    [
        *("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX"),
        *(
            "SQLITE_NOTADB",
            "SQLITE_READONLY_DBMOVED",
            "SQLITE_IOERR_CORRUPTFS",
            "SQLITE_IOERR_FSTAT",
        ),
    ],
)
def test_a_failed_sync_or_a_damaged_file_is_past_trusting(name: str) -> None:
    said = translate(a_failure(name), address_of("sqlite:////x/offpeakd.db"))

    assert isinstance(said, DatabaseUntrustedError)
    assert name in str(said)
    assert said.fix
    assert said.exit_code == 6


@pytest.mark.parametrize(
    "name",
    [
        *("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_CANTOPEN"),
        *("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"),
    ],
)
def test_what_may_pass_is_tried_again(name: str) -> None:
    said = translate(a_failure(name), address_of("sqlite:////x/offpeakd.db"))

    assert isinstance(said, DatabaseError)
    assert not isinstance(said, DatabaseUntrustedError)


def test_a_file_that_was_replaced_takes_no_more_writes(
    store: SqlStore, file: Path, tmp_path: Path
) -> None:
    store.add([wish(1)], "ann")
    older = tmp_path / "older.db"
    shutil.copy(file, older)
    store.add([wish(2)], "ann")
    before = older.read_bytes()
    older.replace(file)

    with pytest.raises(DatabaseUntrustedError, match=r"was replaced|was moved"):
        store.add([wish(3)], "ann")
    assert file.read_bytes() == before


def test_a_new_connection_to_a_replaced_file_is_refused_too(store: SqlStore, file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copy(file, copy)
    copy.replace(file)

    # Nothing was open yet: SQLite itself could not know that this is another file.
    with pytest.raises(DatabaseUntrustedError, match="was replaced by another one while it was"):
        store.add([wish(1)], "ann")


def test_a_file_that_was_deleted_takes_no_more_writes(store: SqlStore, file: Path) -> None:
    store.add([wish(1)], "ann")
    file.unlink()

    with pytest.raises(DatabaseUntrustedError, match=r"is gone|was moved"):
        store.add([wish(2)], "ann")


def test_a_file_that_was_only_written_by_others_stays_trusted(store: SqlStore, file: Path) -> None:
    store.add([wish(1)], "ann")
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM")

    (added,) = store.add([wish(2)], "ann")
    assert added.new


def test_a_file_that_comes_to_be_later_is_the_one_to_trust(file: Path) -> None:
    opened = OpenedFile(file)
    file.touch()
    opened.check()
    other = file.with_suffix(".other")
    other.touch()
    other.replace(file)

    with pytest.raises(DatabaseUntrustedError):
        opened.check()


@pytest.mark.parametrize(
    ("broken", "stops_are_read"),
    [
        ("UPDATE request SET requested_at = 'yesterday' WHERE id = 2", True),
        ("UPDATE control SET since = 'yesterday'", False),
    ],
)
def test_a_claim_is_taken_though_what_is_behind_it_can_not_be_read(
    store: SqlStore, file: Path, broken: str, *, stops_are_read: bool
) -> None:
    [one, _] = added(store, wish(1), wish(2))
    store.put_stop(Stop("prod", "pause", "not now", "ada", NOON))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(broken)

    claim = store.claim(batch_of([one], "b1"), ahead=5)

    assert claim
    assert (claim.behind is not None) is stops_are_read
    assert claim.behind is None or claim.behind.read() is None
