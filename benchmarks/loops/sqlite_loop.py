"""Drains a SQLite queue by hand: stdlib sqlite3 and httpx, offpeakd's pragmas, nothing else.

python -m benchmarks.loops.sqlite_loop FILE ENDPOINT PROJECT [JOURNAL]
"""

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx

PRAGMAS = (
    "page_size = 8192",
    "journal_mode = PERSIST",
    "synchronous = EXTRA",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)
SCHEMA = """
CREATE TABLE batch (id TEXT PRIMARY KEY, finished INTEGER NOT NULL DEFAULT 0);
CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    priority INTEGER NOT NULL DEFAULT 100,
    batch_id TEXT REFERENCES batch (id),
    job_id TEXT
);
CREATE UNIQUE INDEX live ON request (instance_id) WHERE state IN ('queued', 'submitting', 'running');
CREATE INDEX claim ON request (priority, id) WHERE state = 'queued';
"""
CLAIM = """
UPDATE request SET state = 'submitting', batch_id = ? WHERE id IN (
    SELECT id FROM request WHERE state = 'queued' ORDER BY priority, id LIMIT 10
) RETURNING id, instance_id
"""


def connect(file: Path, *, check_same_thread: bool = True) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=check_same_thread)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def make(file: Path, ids: list[str]) -> None:
    with closing(connect(file)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO request (instance_id) VALUES (?)", [(one,) for one in ids]
        )
        connection.execute("COMMIT")


def claim(connection: sqlite3.Connection, batch: str) -> list[tuple[int, str]]:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO batch (id) VALUES (?)", (batch,))
    claimed = connection.execute(CLAIM, (batch,)).fetchall()
    connection.execute("COMMIT" if claimed else "ROLLBACK")
    return claimed


def record(
    connection: sqlite3.Connection,
    batch: str,
    claimed: list[tuple[int, str]],
    jobs: dict[str, str],
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "UPDATE request SET state = 'running', job_id = ? WHERE id = ?",
        [(jobs[instance], number) for number, instance in claimed],
    )
    connection.execute("UPDATE batch SET finished = 1 WHERE id = ?", (batch,))
    connection.execute("COMMIT")


def drain(connection: sqlite3.Connection, client: httpx.Client, url: str) -> None:
    while claimed := claim(connection, batch := uuid4().hex):
        answer = client.post(url, json={"instance_ids": [one for _, one in claimed]})
        answer.raise_for_status()
        jobs = {one["instance_id"]: one["job_id"] for one in answer.json()["upgrade_results"]}
        record(connection, batch, claimed, jobs)


def main() -> None:
    file, endpoint, project, *journal = sys.argv[1:]
    with closing(connect(Path(file))) as connection, httpx.Client(trust_env=False) as client:
        for mode in journal:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        drain(connection, client, f"{endpoint}/v3/{project}/instances/db-upgrade")
    signal.pause()


if __name__ == "__main__":
    main()
