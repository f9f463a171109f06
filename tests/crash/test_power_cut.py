"""Power that is cut at any moment of a commit: what was told is there, and nothing is half there."""

import os
import random
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from crash.disk import Call, Disk, calls_of
from crash.victims import TESTS, needs_strace
from offpeakd.adapters.sql.schema import ensure

FILE, JOURNAL = "offpeakd.db", "offpeakd.db-journal"
TOLD = Call("create", "told")
HEADER = 28


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("before") / FILE
    ensure(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture(scope="module")
def calls(before: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Of three transactions; the first makes the journal, the others find it."""
    folder = tmp_path_factory.mktemp("written") / "folder"
    folder.mkdir(mode=0o700)
    (folder / FILE).write_bytes(before)
    environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    paths = f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"
    program = [sys.executable, str(TESTS / "crash" / "writer.py"), str(folder / FILE)]
    found = calls_of(program, folder, environ | {"PYTHONPATH": paths})
    assert found.count(TOLD) == 3
    return found


def content_of(files: Mapping[str, bytes], folder: Path) -> list[str]:
    """What the next program finds in the database."""
    for name in (FILE, JOURNAL):
        (folder / name).unlink(missing_ok=True)
        if name in files:
            (folder / name).write_bytes(files[name])
    with closing(sqlite3.connect(folder / FILE)) as connection:
        try:
            [sound, *_] = connection.execute("PRAGMA integrity_check").fetchone()
            return list(connection.iterdump()) if sound == "ok" else ["damaged"]
        except sqlite3.DatabaseError:
            return ["damaged"]


def lost(calls: Sequence[Call], before: bytes, folder: Path) -> list[str]:
    """What cuts would cost, at the worst: nothing, or the moments of those that cost something."""
    states = _states(calls, before, folder)
    disk, told = Disk({FILE: before}, {FILE}), 0
    costly: list[str] = []
    found: list[list[str]] = []
    chance = random.Random(1)
    for place, call in enumerate(calls):
        if call.name == "sync" or call == TOLD:
            found = [content_of(files, folder) for files in disk.after_a_cut(chance)]
            if any(one not in states[told : told + 2] for one in found):
                costly.append(f"before call {place}, {call.name} of {call.file}, {told} told")
        if call == TOLD:
            told += 1
            if any(one != states[told] for one in found):
                costly.append(f"after {told} were told")
        else:
            disk.take(call)
    return costly


def _states(calls: Sequence[Call], before: bytes, folder: Path) -> list[list[str]]:
    """What is in the database at first, and after each transaction."""
    disk = Disk({FILE: before}, {FILE})
    states = [content_of(disk.now(), folder)]
    for call in calls:
        if call == TOLD:
            states.append(content_of(disk.now(), folder))
        else:
            disk.take(call)
    assert len({tuple(one) for one in states}) == len(states)
    return states


@needs_strace
def test_a_cut_at_any_moment_loses_nothing_that_was_told(
    calls: list[Call], before: bytes, tmp_path: Path
) -> None:
    assert lost(calls, before, tmp_path) == []


@needs_strace
def test_each_commit_is_an_empty_header_that_is_synced_before_it_is_told(
    calls: list[Call],
) -> None:
    empty, synced = Call("write", JOURNAL, 0, bytes(HEADER)), Call("sync", JOURNAL)
    ends = [place for place, call in enumerate(calls) if call == TOLD]

    assert [calls[end - 2 : end] for end in ends] == [[empty, synced]] * 3


@needs_strace
@pytest.mark.parametrize("what", [FILE, JOURNAL])
def test_a_commit_without_its_last_sync_would_be_found(
    calls: list[Call], before: bytes, tmp_path: Path, what: str
) -> None:
    places = [place for place, call in enumerate(calls) if call == Call("sync", what)]

    assert lost([*calls[: places[-1]], *calls[places[-1] + 1 :]], before, tmp_path) != []
